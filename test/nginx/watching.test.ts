/** What fail2ban, CrowdSec and mtail read in the log of a real proxy, by the examples. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { call, type Call } from "./client.ts";
import { docker } from "./docker.ts";
import { type AccessLogLine, ANALYST, COLLECTOR, Proxy } from "./proxy.ts";
import { CROWDSEC, LOG, WatchingImage } from "./watching.ts";

/** What CrowdSec knows of a line. */
interface Parsed {
  readonly StrTime: string;
  readonly Meta: Readonly<Record<string, string>>;
}

const epoch = (time: unknown) => Date.parse(String(time)) / 1000;

/** Neither of them takes the log's escapes out of a name. */
const asWritten = (user: string) => JSON.stringify(user).slice(1, -1);

/** More than fail2ban and CrowdSec put up with. */
const GUESSES = 24;

describe("the examples for programs that watch", () => {
  let proxy: Proxy;
  let image: WatchingImage;
  let lines: AccessLogLine[];
  /** Those that are wrong passwords. */
  let wrong: AccessLogLine[];
  const folder = mkdtempSync(join(tmpdir(), "cybexp-test-log-"));

  before(async () => {
    chmodSync(folder, 0o755);
    image = new WatchingImage();
    proxy = await Proxy.start({ guesses: { perMinute: 60, burst: 1 } });
    const forged = '","status":"401","refused":"","received":1,"upstream_status":""}';
    const harmless: Call[] = [
      {},
      { auth: COLLECTOR },
      { auth: ANALYST },
      // The service's own.
      { auth: COLLECTOR, path: "/401" },
      // Nginx decodes what is encoded before it logs it.
      { auth: COLLECTOR, path: `/${encodeURIComponent(forged)}` },
      { auth: COLLECTOR, path: `/a\\${encodeURIComponent(forged)}` },
      { auth: COLLECTOR, headers: { "X-Request-Id": forged } },
      // No password at all.
      { headers: { Authorization: "Bearer token" } },
      { auth: COLLECTOR, method: "POST", body: Buffer.alloc(70_000) },
    ];
    const ids = new Set<unknown>();
    for (const request of harmless) {
      await call(proxy.kms, request);
    }
    const guesses: Call[] = [
      { auth: "collector:wrong" },
      { auth: "nobody:wrong" },
      { auth: `q"\\\u0001${forged}:x` },
      ...Array.from({ length: GUESSES - 3 }, () => ({ auth: "collector:wrong" })),
    ];
    // The token was counted, too.
    await sleep(2500);
    // At once: the third one and those after it are too many.
    for (const answer of await Promise.all(guesses.map((guess) => call(proxy.kms, guess)))) {
      ids.add(answer.headers["x-request-id"]);
      await proxy.logged(answer.headers["x-request-id"]);
    }
    lines = proxy.accessLog();
    wrong = lines.filter(({ request }) => ids.has(request));
    assert.deepEqual([lines.length, wrong.length], [harmless.length + GUESSES, GUESSES]);
    assert.equal(wrong.filter(({ status }) => status === "429").length, GUESSES - 2);
    writeFileSync(join(folder, "proxy.log"), `${docker(["logs", proxy.container])}\n`);
  });
  after(async () => {
    await proxy.stop();
    image.remove();
    rmSync(folder, { recursive: true });
  });

  const run = (script: string) =>
    docker(["run", "--rm", ...image.run(folder, "--network=none"), "sh", "-c", script]);

  it("let fail2ban find each wrong password, its address and its time, and nothing else", () => {
    const found = run(
      `fail2ban-regex --usedns no --out '<time> <ip> <F-USER>' ${LOG} /etc/fail2ban/filter.d/cybexp.conf`,
    );
    const due = wrong.map(({ time, remote, user }) =>
      [epoch(time), remote, asWritten(user)].join(" "),
    );
    assert.deepEqual(found.split("\n"), due);
  });

  it("are a jail that fail2ban takes", () => {
    const jail = run("fail2ban-client --dump 2>/dev/null");
    assert.match(jail, /\['set', 'cybexp', 'maxretry', 20\]/);
    assert.match(
      jail,
      /\['set', 'cybexp', 'addlogpath', '\/var\/log\/cybexp\/proxy\.log', 'head'\]/,
    );
    assert.match(jail, /\['set', 'cybexp', 'usedns', 'no'\]/);
    assert.match(jail, /\['set', 'cybexp', 'bantime', '1h'\]/);
    assert.match(jail, /\['chain', 'DOCKER-USER'\]/);
    assert.match(jail, /\['start', 'cybexp'\]/);
  });

  it("let CrowdSec find the same, and the address that sends too many", () => {
    const [said = "", dump = ""] = run(CROWDSEC).split("\n---\n");
    assert.doesNotMatch(said, /level=fatal|cybexp.*level=error|level=error.*cybexp/);
    const [performed, ...more] = said.match(/msg="Ip .*"/g) ?? [];
    assert.match(
      performed ?? said,
      new RegExp(
        `^msg="Ip ${wrong[0]?.["remote"]} performed 'cybexp/wrong-passwords' \\(21 events`,
      ),
    );
    assert.deepEqual(more, []);

    const parsed = parse(dump) as Record<string, Record<string, { evt: Parsed }[]>>;
    const found = parsed["s02-enrich"]?.["crowdsecurity/dateparse-enrich"] ?? [];
    assert.deepEqual(
      found.map(({ evt: { Meta, StrTime } }) => [
        epoch(StrTime),
        Meta["source_ip"],
        Meta["username"],
        Meta["door"],
      ]),
      wrong.map(({ time, remote, user, door }) => [epoch(time), remote, asWritten(user), door]),
    );
  });

  it("let mtail count all requests, and the refusals by their causes", () => {
    const text = run(
      `mtail --progs /etc/mtail --logs ${LOG} --emit_prog_label=false --one_shot --one_shot_format=prometheus`,
    );
    const valueOf = (series: string) =>
      Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${series} `))
          ?.slice(series.length),
      );
    const count = (fits: (line: AccessLogLine) => boolean) => lines.filter(fits).length;

    for (const [user, status] of [
      ["collector", "200"],
      ["collector", "401"],
      ["analyst", "200"],
      // Whoever is refused is not named: the names would be the guesser's choice.
      ["", "401"],
      ["", "413"],
      ["", "429"],
    ] as const) {
      const due = count(
        (line) =>
          line.status === status && (line["upstream_status"] === "" ? "" : line.user) === user,
      );
      const series = `cybexp_requests_total{door="kms",status="${status}",user="${user}"}`;
      assert.ok(due > 0, series);
      assert.equal(valueOf(series), due, series);
    }
    for (const [cause, due] of [
      ["wrong password", 2],
      ["guesses", GUESSES - 2],
      ["no password", 2],
      ["413", 1],
    ] as const) {
      assert.equal(valueOf(`cybexp_refusals_total{cause="${cause}",door="kms"}`), due, cause);
    }
    assert.equal(text.match(/^cybexp_refusals_total\{/gm)?.length, 4);
    assert.equal(
      valueOf('cybexp_request_seconds_count{door="kms"}'),
      count((line) => line["upstream_status"] !== ""),
    );
    assert.equal(valueOf("cybexp_log_unknown_lines_total"), 0);
  });

  it("are a dashboard whose queries Prometheus takes", () => {
    const { panels } = JSON.parse(
      readFileSync(join(projectRoot, "examples", "watching", "grafana", "cybexp.json"), "utf8"),
    ) as { panels: { targets?: { expr: string }[] }[] };
    const rules = panels
      .flatMap(({ targets = [] }) => targets)
      .map(({ expr }, index) => ({
        record: `query:${index}`,
        // What Grafana puts in their places.
        expr: expr.replaceAll("$__rate_interval", "5m").replaceAll("$door", "kms|backend"),
      }));
    assert.ok(rules.length > 20);
    writeFileSync(
      join(folder, "dashboard.yml"),
      JSON.stringify({ groups: [{ name: "dashboard", rules }] }),
    );
    const said = run("promtool check rules /var/log/cybexp/dashboard.yml");
    assert.match(said, new RegExp(`SUCCESS: ${rules.length} rules found`));
  });

  it("are rules that Prometheus takes, and that say what they should", () => {
    const said = run(
      "cd /etc/prometheus && promtool check rules cybexp.rules.yml && promtool test rules cybexp.test.yml",
    );
    assert.match(said, /SUCCESS: 11 rules found/);
    assert.match(said, /cybexp\.test\.yml\n {2}SUCCESS/);
  });

  it("are a rotation that logrotate takes", () => {
    const said = run("logrotate --debug /etc/logrotate.d/cybexp-proxy-log 2>&1");
    assert.match(said, /considering log \/var\/log\/cybexp\/proxy\.log/);
    assert.doesNotMatch(said, /error/i);
  });
});
