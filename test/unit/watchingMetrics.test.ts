/** The dashboard and the alerts of the examples ask for metrics that something of this project produces. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { OWN_METRICS } from "../../names/own.ts";
import { certificateMetrics, servedMetrics } from "../../render/certificateMetrics.ts";
import { doctorMetrics } from "../../render/doctorMetrics.ts";

const notAfter = "2027-01-31T12:00:00Z";
const read = (...path: string[]) => readFileSync(join(projectRoot, ...path), "utf8");
const example = (...path: string[]) => read("examples", "watching", ...path);

/** What mtail counts, and what it makes of a histogram. */
const counted = [
  ...example("mtail", "cybexp.mtail").matchAll(/^(counter|histogram) (\w+)/gm),
].flatMap(([, kind, name]) => (kind === "histogram" ? [`${name}_bucket`] : [`${name}`]));
const told = [
  certificateMetrics(OWN_METRICS, "s", [
    { name: "p", kind: "server", source: "generated", notAfter },
  ]),
  servedMetrics(OWN_METRICS, "s", [{ name: "p", listener: "a:1", notAfter }]),
  doctorMetrics({
    ...{ stack: "s", time: new Date(), warnings: 0, errors: 0 },
    backup: { newest: undefined, warnDays: 2 },
  }),
  read("render", "acmeLoop.ts"),
].flatMap((text) => [...text.matchAll(/^# TYPE (\w+) gauge$/gm)].map(([, name]) => `${name}`));
const known = new Set([...counted, ...told]);

interface Dashboard {
  readonly panels: readonly {
    readonly title: string;
    readonly type: string;
    readonly datasource?: { readonly uid: string };
    readonly gridPos: { readonly x: number; readonly w: number };
    readonly targets?: readonly {
      readonly expr: string;
      readonly datasource: { readonly uid: string };
    }[];
  }[];
}
const dashboard = JSON.parse(example("grafana", "cybexp.json")) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== "row");

/** A name, or an expression for several. */
function metricsIn(expression: string): string[] {
  const [, pattern] = /__name__=~"([^"]+)"/.exec(expression) ?? [];
  const several = [...known].filter((name) => new RegExp(`^(${pattern})$`).test(name));
  return [
    ...(pattern === undefined ? [] : several),
    ...(expression.match(/\bcybexp_\w+/g) ?? []),
  ].filter((name) => pattern === undefined || !pattern.startsWith(name));
}

describe("the metrics", () => {
  it("of the dashboard are all produced", () => {
    const asked = panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => metricsIn(expr)),
    );
    assert.ok(asked.length > 20);
    assert.deepEqual(
      asked.filter((name) => !known.has(name)),
      [],
    );
  });

  it("of the alerts are all produced", () => {
    const { groups } = parse(example("prometheus", "cybexp.rules.yml")) as {
      groups: { rules: { expr: string }[] }[];
    };
    const asked = groups.flatMap(({ rules }) => rules.flatMap(({ expr }) => metricsIn(expr)));
    assert.ok(asked.length > 5);
    assert.deepEqual(
      asked.filter((name) => !known.has(name)),
      [],
    );
  });

  it("that are produced are all on the dashboard, but for two that only tell more of the same", () => {
    const asked = new Set(
      panels.flatMap(({ targets = [] }) => targets.flatMap(({ expr }) => metricsIn(expr))),
    );
    assert.deepEqual(
      [...known].filter((name) => !asked.has(name)),
      [
        "cybexp_served_certificate_not_after_timestamp_seconds",
        "cybexp_acme_last_attempt_timestamp_seconds",
      ],
    );
  });
});

describe("the dashboard", () => {
  it("asks the data source that is chosen, in each panel and each query", () => {
    const uids = panels.flatMap(({ datasource, targets = [] }) => [
      datasource?.uid,
      ...targets.map((target) => target.datasource.uid),
    ]);
    assert.deepEqual([...new Set(uids)], ["${datasource}"]);
  });

  it("has no panel that is wider than the page", () => {
    const wide = dashboard.panels.filter(({ gridPos: { x, w } }) => x + w > 24);
    assert.deepEqual(wide, []);
  });
});
