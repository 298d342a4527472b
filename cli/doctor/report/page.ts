/** The report as one HTML page: it loads nothing, runs nothing, and has no way to the outside. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { type Html, Html as Raw, markup } from "./html.ts";
import type { Deployed, Report } from "./model.ts";
import { backupSection } from "./sections/backup.ts";
import { callersSection } from "./sections/callers.ts";
import { endsSection } from "./sections/ends.ts";
import { findingsSection } from "./sections/findings.ts";
import { mapSection } from "./sections/map.ts";
import { summary } from "./sections/summary.ts";
import { trafficSection } from "./sections/traffic.ts";

const style = ["colours", "page", "tables", "drawings", "print"]
  .map((name) => readFileSync(new URL(`styles/${name}.css`, import.meta.url), "utf8"))
  .join("");

/** Nothing but the style above, by its digest: what got in through a name could not even colour a letter. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

export async function renderPage(report: Report): Promise<string> {
  const { stack, findings, deployed, time } = report;
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${stack} · CYBEX-P stack report</title>
<style>${new Raw(style)}</style>
</head>
<body>
${summary(report)}<main>
${findingsSection(findings)}${deployed && (await sections(deployed, time))}</main>
<footer><p>Written by <code>npm run doctor -- --report</code>. It shows names and addresses, and no secret. All times are in UTC.</p></footer>
</body>
</html>
`;
  return page.text;
}

const sections = async (
  { topology, ends, overlaps, users, clients, backup, traffic }: Deployed,
  now: Date,
): Promise<Html> =>
  markup`${mapSection(topology)}${await trafficSection(traffic)}${endsSection(ends, overlaps)}${callersSection({ users, clients })}${backupSection(backup, now)}`;
