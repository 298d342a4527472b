/** The report's page: what is on it, and what can't get onto it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { drawnChart } from "../../cli/doctor/report/drawing/chart.ts";
import { bar, lengthOf } from "../../cli/doctor/report/drawing/days.ts";
import { graphOf } from "../../cli/doctor/report/drawing/graph.ts";
import { NARROW, placed, WIDE } from "../../cli/doctor/report/drawing/layout.ts";
import { requestsSpec } from "../../cli/doctor/report/drawing/charts.ts";
import { escape, folded, markup, sentence } from "../../cli/doctor/report/html.ts";
import type { Report } from "../../cli/doctor/report/model.ts";
import { renderPage } from "../../cli/doctor/report/page.ts";
import { NOW, sampleHost, sampleReport, type SampleOptions } from "./reportSample.ts";

const EVIL = `<script>alert(1)</script>"'><img src=x onerror=alert(1)>&amp;\u202e\u0000`;
const SAFE =
  "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;img src=x onerror=alert(1)&gt;&amp;amp;\ufffd\ufffd";

describe("text on the page", () => {
  it("is escaped for elements and attributes, and can't turn the writing around", () => {
    assert.equal(escape(EVIL), SAFE);
    assert.equal(escape("ä 日本 \ud800 \t\n"), "ä 日本 \ufffd \t\n");
    assert.equal(
      markup`<p title="${EVIL}">${[EVIL, 1]}</p>`.text,
      `<p title="${SAFE}">${SAFE}1</p>`,
    );
  });

  it("leaves out what there isn't, and keeps zero", () => {
    assert.equal(markup`${undefined}${false}${0}${""}`.text, "0");
  });

  it("shows commands as such, escaped", () => {
    assert.equal(
      markup`${sentence("see `docker logs <x>`; and <y>")}`.text,
      "see <code>docker logs &lt;x&gt;</code>; and &lt;y&gt;",
    );
  });
});

describe("the page", () => {
  /** With a hostile text wherever somebody else may have written. */
  async function hostile(): Promise<string> {
    const report = sampleReport({ ill: true });
    const { deployed } = report;
    assert.ok(deployed?.traffic);
    const [host] = deployed.topology.hosts;
    assert.ok(host);
    return renderPage({
      ...report,
      stack: EVIL,
      engine: { host: EVIL, version: EVIL },
      findings: [{ level: "fault", about: EVIL, text: EVIL }],
      deployed: {
        ...deployed,
        topology: {
          hosts: [
            {
              ...host,
              host: EVIL,
              containers: host.containers.map((one) => ({ ...one, title: EVIL, words: EVIL })),
            },
          ],
        },
        ends: deployed.ends.map((one) => ({ ...one, name: EVIL })),
        overlaps: [{ what: EVIL, retireBy: undefined, days: undefined }],
        users: deployed.users.map((one) => ({ ...one, name: EVIL })),
        backup: { newest: NOW, place: EVIL, warnDays: 7 },
        traffic: {
          ...deployed.traffic,
          doors: deployed.traffic.doors.map((one) => ({ ...one, name: EVIL })),
          refusals: [{ door: EVIL, status: 401, count: 3 }],
          addresses: [{ address: EVIL, refused: 3 }],
        },
      },
    });
  }

  it("has no element, attribute or address that somebody else has written", async () => {
    const page = await hostile();
    assert.doesNotMatch(
      page,
      /<(script|img|a (?!href="#)|iframe|link|base|form|input|object|use)\b/i,
    );
    assert.doesNotMatch(page, /<[^>"]*(?:"[^"]*"[^>"]*)*\son\w+=/i);
    assert.doesNotMatch(page, /\u202e|\u0000/);
    assert.ok(page.split(SAFE).length > 20);
  });

  it("names nothing that could be loaded", async () => {
    const page = await renderPage(sampleReport({ ill: true, kapow: true, acme: true }));
    const addresses = page.match(/\b(?:https?:)?\/\/[^\s"<]+/g) ?? [];
    assert.deepEqual([...new Set(addresses)], []);
    assert.doesNotMatch(page, /\b(?:src|srcset|xlink:href)=|url\(|@import/);
    assert.deepEqual(
      [...new Set([...page.matchAll(/\bhref="([^"]*)"/g)].map(([, href]) => href))].sort(),
      ["#backup", "#callers", "#ends", "#traffic"],
    );
  });

  it("forbids everything but its own style, which its policy knows by the digest", async () => {
    const page = await renderPage(sampleReport());
    const [, policy = ""] =
      /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page) ?? [];
    const [, style = ""] = /<style>([^]*?)<\/style>/.exec(page) ?? [];
    const digest = createHash("sha256").update(style).digest("base64");
    assert.equal(
      policy.replaceAll("&#39;", "'"),
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'`,
    );
    assert.equal(page.match(/<style/g)?.length, 1);
    assert.doesNotMatch(page, /\sstyle="/);
  });

  const textOf = (page: string) =>
    page
      .replace(/<(style|svg)[^]*?<\/\1>/g, " ")
      .replace(/<[^>]+>/g, " ")
      .replace(/\s+/g, " ");
  const shown = async (options: SampleOptions, changes: Partial<Report> = {}) =>
    textOf(await renderPage({ ...sampleReport(options), ...changes }));

  it("has the findings on top, what is wrong first", async () => {
    const page = await shown({ ill: true });
    assert.match(page, /Needs help now 1 error, 2 warnings\./);
    assert.match(
      page,
      /Findings Error container cybexp-prod-backend is exited .* Warning limits the backend/,
    );
    assert.match(page, /5 checks found nothing wrong Fine engine Docker 28\.5\.2 answers/);
    assert.match(await shown({}), /Sound All is well\./);
  });

  it("says how long certificates, overlaps and backups have", async () => {
    const ill = await shown({ ill: true });
    assert.match(ill, /First to end 6 days proxy/);
    assert.match(ill, /Password of collector-03, generation 2 4 Dec 2026 6/);
    assert.match(ill, /Server CA, generation 1 no day is set –/);
    assert.match(ill, /Last backup None configured\./);
    assert.match(
      await shown({}),
      /Last backup 27 Nov 2026, 9 hours ago , in \/srv\/backups\/cybexp \. From 7 days/,
    );
  });

  it("names callers with their generations, those with two secrets first", async () => {
    assert.match(await shown({ ill: true }), /collector-03 3 password 2 still valid \d+/);
    assert.match(await shown({}), /browser-of-unit-02 1 revoked 0/);
  });

  it("stays short with many callers: the rest is behind a fold, and there", async () => {
    const page = await renderPage(sampleReport({ users: 300 }));
    const [before = "", after = ""] = page.split("<summary>288 more users</summary>");
    assert.match(before, />collector-12</);
    assert.doesNotMatch(before, />collector-13</);
    assert.match(after, />collector-300</);
    const all = folded([1, 2, 3, 4], 1, "things", (rows) => markup`${rows.join(" ")}`).text;
    assert.equal(all, "1 2 3 4");
  });

  it("says so if a log was not read as a whole, can't be read, or is empty", async () => {
    const report = sampleReport();
    assert.ok(report.deployed?.traffic);
    const traffic = {
      ...report.deployed.traffic,
      cut: { from: new Date(NOW.getTime() - 600_000), to: NOW },
    };
    const cut = await renderPage({ ...report, deployed: { ...report.deployed, traffic } });
    assert.match(textOf(cut), /Not all of the log was read\. .* from 05:55 to 06:05 UTC alone/);
    const none = await renderPage({
      ...report,
      deployed: { ...report.deployed, traffic: undefined },
    });
    assert.match(textOf(none), /The proxy's log can't be read|The proxy&#39;s log can/);
    assert.match(await shown({ quiet: true }), /Nobody called\. .* It refused nobody\./);
  });

  it("of a stack that is not deployed has the findings alone", async () => {
    const page = await shown({}, { deployed: undefined });
    assert.match(page, /Findings/);
    assert.doesNotMatch(page, /What runs where|Last backup/);
  });
});

describe("the map", () => {
  const edgesOf = (options: SampleOptions) =>
    graphOf(sampleHost("x", options))
      .edges.map(({ from, to, hidden }) => `${from} > ${to}${hidden ? " (hidden)" : ""}`)
      .map((edge) => edge.replaceAll("cybexp-x-", "").replaceAll("192.0.2.10 ", ""))
      .sort();
  const plain = [
    "backend > network backend-db",
    "door 5001 > proxy",
    "door 5002 > proxy",
    "from network > door 5001",
    "from network > door 5002",
    "kms > network kms-db",
    "network backend > backend",
    "network backend-db > backend-db",
    "network kms > kms",
    "network kms-db > kms-db",
    "proxy > network backend",
    "proxy > network kms",
  ];

  it("leads from who calls through doors and proxy to the databases", () => {
    assert.deepEqual(edgesOf({}), plain);
  });

  it("has Kapow! behind the proxy, and what ACME needs beside it", () => {
    assert.deepEqual(
      edgesOf({ kapow: true, acme: true }),
      [
        ...plain,
        "acme-challenge > acme (hidden)",
        "door 5443 > proxy",
        "door 80 > acme-challenge",
        "from network > door 5443",
        "from network > door 80",
        "network kapow > kapow",
        "proxy > network kapow",
      ].sort(),
    );
  });

  it("has the doors of one container together where there is little room", () => {
    const { nodes, edges } = graphOf(sampleHost("x", { acme: true }), true);
    assert.deepEqual(
      nodes.filter(({ kind }) => kind === "door").map(({ title, lines }) => [title, lines]),
      [
        ["Doors", ["5002 → KMS: password", "5001 → Backend: either"]],
        ["Door", ["80 → ACME: nothing"]],
      ],
    );
    assert.deepEqual(
      edges.filter(({ from }) => from === "from network").map(({ to }) => to),
      ["doors network cybexp-x-proxy", "doors network cybexp-x-acme-challenge"],
    );
  });

  it("has on a container's card how it is, the operator's way in, and a network of its own", () => {
    const { nodes } = graphOf(sampleHost("x", { ill: true }));
    const lines = (id: string) => nodes.find((node) => node.id === `cybexp-x-${id}`)?.lines;
    assert.deepEqual(lines("backend"), ["exited", "127.0.0.1:5011"]);
    assert.deepEqual(lines("proxy"), ["net: edge"]);
    assert.deepEqual(lines("kms-db"), []);
  });

  for (const [name, form] of Object.entries({ WIDE, NARROW })) {
    it(`has its parts side by side, and none on another, in the form ${name}`, () => {
      const { nodes, frame, size } = placed(
        graphOf(sampleHost("x", { kapow: true, acme: true }), form === NARROW),
        form,
      );
      const inside = (part: typeof frame, box: typeof frame) =>
        Math.abs(part.x - box.x) + part.width / 2 <= box.width / 2 + 0.01 &&
        Math.abs(part.y - box.y) + part.height / 2 <= box.height / 2 + 0.01;
      const whole = { ...size, x: size.width / 2, y: size.height / 2 };
      for (const [index, part] of nodes.entries()) {
        assert.equal(inside(part, frame), part.node.kind !== "caller", part.node.id);
        assert.ok(inside(part, whole), part.node.id);
        for (const other of nodes.slice(index + 1)) {
          const apart =
            Math.abs(part.x - other.x) >= (part.width + other.width) / 2 ||
            Math.abs(part.y - other.y) >= (part.height + other.height) / 2;
          assert.ok(apart, `${part.node.id} and ${other.node.id}`);
        }
      }
    });
  }
});

describe("drawings", () => {
  it("have bars of days that grow with them, and none beyond ten years", () => {
    const days = [-5, 0, 1, 7, 30, 90, 365, 3650, 9999];
    assert.deepEqual(days.map(lengthOf), [0, 0, 2.1, 11.1, 26.6, 42, 63.5, 100, 100]);
    assert.match(bar(30, "fine").text, /<rect class="fine" width="26.6" height="10"\/>/);
    assert.match(bar(-1, "ended").text, /<rect class="ended" width="100" height="10"\/>/);
  });

  it("have a bar for each minute, or for each five on a phone", () => {
    const { minutes } = sampleReport().deployed?.traffic ?? assert.fail();
    const at = (step: number) => {
      const { data } = requestsSpec(minutes, ["answered"], step);
      const values = (data as { values: { minute: string; requests: number }[] }).values;
      return {
        bars: new Set(values.map(({ minute }) => minute)).size,
        sum: values.reduce((sum, { requests }) => sum + requests, 0),
      };
    };
    assert.deepEqual([at(1).bars, at(5).bars], [60, 12]);
    assert.equal(at(1).sum, at(5).sum);
  });

  it("of the library are escaped, without a style, and with the page's own name and size", async () => {
    const chart = await drawnChart(
      () => ({
        data: { values: [{ x: EVIL, y: 1 }] },
        mark: "bar",
        encoding: { x: { field: "x", type: "nominal" }, y: { field: "y", type: "quantitative" } },
      }),
      100,
      EVIL,
    );
    assert.doesNotMatch(chart.text, /<script|<img|\sstyle=|<style|xlink|\sid=/);
    const openings = chart.text.match(/<svg[^>]*>/g) ?? [];
    assert.deepEqual(
      openings.map((opening) => opening.replace(SAFE, "NAME")),
      [290, 540, 780, 1060].map(
        (width, index) =>
          `<svg class="chart form ${["narrow", "middle", "large", "wide"][index]}" viewBox="0 0 ${width} 100" width="${width}" height="100" role="img" aria-label="NAME">`,
      ),
    );
  });
});
