/** The top of the page: how the stack is, and the numbers that people ask for first. */
import { verdict } from "../../finding.ts";
import { verdictOf } from "../../outcome.ts";
import { total } from "../facts/traffic.ts";
import { type Html, markup, type Part } from "../html.ts";
import type { Deployed, Report } from "../model.ts";
import { ageOf, clockOf, counted, dayOf, shareOf } from "../words.ts";
import { isOld } from "./backup.ts";

const VERDICTS = { sound: "Sound", warnings: "Needs attention soon", errors: "Needs help now" };

export function summary({ stack, time, engine, findings, deployed }: Report): Html {
  const level = verdictOf(findings);
  return markup`<header>
<p class="eyebrow">CYBEX-P stack</p>
<h1>${stack}</h1>
<p class="when">Looked at on ${dayOf(time)} at ${clockOf(time)} UTC, on ${engine.host} with Docker ${engine.version}</p>
<p class="verdict ${level}"><strong>${VERDICTS[level]}</strong> <span>${verdict(findings).replace("fault", "error").replace("note", "warning")}</span></p>
</header>
${deployed && markup`<nav aria-label="In short"><ul class="tiles">${tiles(deployed, time)}</ul></nav>\n`}`;
}

const tiles = ({ ends, users, clients, overlaps, traffic, backup }: Deployed, now: Date) => {
  const [first] = ends;
  return [
    first === undefined
      ? tile("ends", "First to end", "–", "no certificate yet")
      : tile(
          "ends",
          "First to end",
          first.level === "ended" ? "ended" : counted(first.days, "day"),
          first.name,
          first.level === "fine" ? "" : first.level,
        ),
    trafficTile(traffic),
    tile(
      "callers",
      "May call",
      counted(users.length + clients.length, "caller"),
      overlaps.length === 0
        ? `${counted(users.length, "user")}, ${counted(clients.length, "client")}`
        : `${counted(overlaps.length, "previous secret")} still valid`,
    ),
    backup === undefined
      ? tile("backup", "Last backup", "none", "none configured")
      : tile(
          "backup",
          "Last backup",
          backup.newest === undefined ? "none" : ageOf(backup.newest, now).replace(" ago", ""),
          backup.newest === undefined
            ? "nothing to restore from"
            : `ago, on ${dayOf(backup.newest)}`,
          isOld(backup, now) ? "soon" : "",
        ),
  ];
};

function trafficTile(traffic: Deployed["traffic"]): Html {
  if (traffic === undefined) {
    return tile("traffic", "Last hour", "–", "no log to read");
  }
  const requests = traffic.doors.reduce((sum, { outcomes }) => sum + total(outcomes), 0);
  const refused = traffic.refusals.reduce((sum, { count }) => sum + count, 0);
  return tile(
    "traffic",
    "Last hour",
    counted(requests, "request"),
    refused === 0 ? "none refused" : `${shareOf(refused, requests)} refused`,
  );
}

const tile = (section: string, title: string, value: Part, remark: Part, level = "") =>
  markup`<li><a href="#${section}"><span class="title">${title}</span> <span class="value ${level}">${value}</span> <span class="remark">${remark}</span></a></li>
`;
