/** The ends of certificates as Prometheus reads them. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { writeMetrics } from "../../cli/doctor/metricsFile.ts";
import type { KnownEnd } from "../../render/certificateEnds.ts";
import { certificateMetrics, servedMetrics } from "../../render/certificateMetrics.ts";

const end = (name: string, kind: KnownEnd["kind"], notAfter: string): KnownEnd => ({
  name,
  kind,
  source: "generated",
  notAfter,
});
const ENDS = [
  end("proxy", "server", "2027-01-31T12:00:00Z"),
  end("client-ca-1-crl", "crl", "2036-11-26T00:00:01Z"),
];

describe("metrics", () => {
  it("have a line for each certificate and list, with its end in seconds", () => {
    assert.equal(
      certificateMetrics("cybexp", "prod", ENDS),
      `\
# HELP cybexp_certificate_not_after_timestamp_seconds When the certificate or revocation list ends, in seconds since 1970.
# TYPE cybexp_certificate_not_after_timestamp_seconds gauge
cybexp_certificate_not_after_timestamp_seconds{certificate="client-ca-1-crl",kind="crl",stack="prod"} 2111270401
cybexp_certificate_not_after_timestamp_seconds{certificate="proxy",kind="server",stack="prod"} 1801396800
`,
    );
  });

  it("are the same whatever the order, and however often they are written", () => {
    assert.equal(
      certificateMetrics("cybexp", "prod", ENDS.toReversed()),
      certificateMetrics("cybexp", "prod", ENDS),
    );
  });

  it("have a line for each listener", () => {
    const notAfter = "2027-01-31T12:00:00Z";
    assert.equal(
      servedMetrics("cybexp", "prod", [
        { name: "proxy", listener: "a.example.edu:5002", notAfter },
      ]),
      `\
# HELP cybexp_served_certificate_not_after_timestamp_seconds When the certificate ends that a caller is shown, in seconds since 1970.
# TYPE cybexp_served_certificate_not_after_timestamp_seconds gauge
cybexp_served_certificate_not_after_timestamp_seconds{certificate="proxy",listener="a.example.edu:5002",stack="prod"} 1801396800
`,
    );
  });

  it("are nothing where nothing is known", () => {
    assert.equal(
      certificateMetrics("cybexp", "prod", []) + servedMetrics("cybexp", "prod", []),
      "",
    );
  });

  it("escape what would end a label", () => {
    const [, , line] = certificateMetrics("cybexp", "s", [
      end('a"\\\n', "client", "1970-01-01T00:00:07Z"),
    ]).split("\n");
    assert.equal(
      line,
      String.raw`cybexp_certificate_not_after_timestamp_seconds{certificate="a\"\\\n",kind="client",stack="s"} 7`,
    );
  });
});

describe("the file of metrics", () => {
  it("is replaced in one step, readable by the collector's user, with no draft beside it", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const umask = process.umask(0o077);
    t.after(() => void process.umask(umask));
    const file = join(folder, "cybexp.prom");
    writeFileSync(file, "old", { mode: 0o600 });
    const before = statSync(file).ino;
    writeMetrics(file, "new\n");
    assert.equal(readFileSync(file, "utf8"), "new\n");
    assert.notEqual(statSync(file).ino, before);
    assert.equal(statSync(file).mode & 0o777, 0o644);
    assert.deepEqual(readdirSync(folder), ["cybexp.prom"]);
  });

  it("is refused where it can't be written, with the reason", () => {
    assert.throws(() => writeMetrics("/nowhere/cybexp.prom", "new\n"), {
      name: "UserError",
      message:
        /^the metrics can't be written \(ENOENT: .*\): name a file in a folder that is there/,
    });
  });
});
