import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTAINER, RANDOM_PASSWORD as PASSWORD } from "../../names/types.ts";
import { UpdateReport } from "../../stack/updateReport.ts";

const urn = (type: string, name: string) =>
  `urn:pulumi:dev::cybexp::cybexp:index:Kms$${type}::${name}`;

/** A report, the lines that it told, and a clock of the test's own. */
function start() {
  const lines: string[] = [];
  const clock = { now: 0 };
  const report = new UpdateReport(
    (line) => lines.push(line),
    () => clock.now,
  );
  const resource = (event: string, op: string, type: string, name: string, diffs?: string[]) =>
    report.take(
      JSON.stringify({ [event]: { metadata: { op, urn: urn(type, name), type, diffs } } }),
    );
  return {
    report,
    lines,
    clock,
    begin: (op: string, type: string, name: string) => resource("resourcePreEvent", op, type, name),
    end: (op: string, type: string, name: string, diffs?: string[]) =>
      resource("resOutputsEvent", op, type, name, diffs),
    fail: (op: string, type: string, name: string) => resource("resOpFailedEvent", op, type, name),
    say: (severity: string, message: string, of?: string) =>
      report.take(JSON.stringify({ diagnosticEvent: { severity, message, urn: of } })),
  };
}

describe("the report of an update", () => {
  it("has a line for each thing that changed, with what it took", () => {
    const { begin, end, lines, clock } = start();
    begin("create", CONTAINER, "kms");
    begin("create", PASSWORD, "user-analyst");
    clock.now = 999;
    end("create", PASSWORD, "user-analyst");
    clock.now = 5120;
    end("create", CONTAINER, "kms");
    end("update", "command:local:Command", "smoke");
    end("delete", "docker:index/volume:Volume", "kms-config");
    assert.deepEqual(lines, [
      "  + random password user-analyst",
      "  + container kms (5.1 s)",
      "  ~ command smoke",
      "  - volume kms-config",
    ]);
  });

  it("reports a replacement once, with its cause", () => {
    const { begin, end, lines, clock } = start();
    for (const op of ["delete-replaced", "replace", "create-replacement"]) {
      begin(op, CONTAINER, "kms");
      clock.now += 2000;
      end(op, CONTAINER, "kms", ["mustRun", "ports"]);
    }
    assert.deepEqual(lines, ["  ± container kms (2.0 s; replaced: mustRun, ports)"]);
  });

  it("leaves out what stays, components, providers and what is only in the state", () => {
    const { begin, end, lines } = start();
    for (const [op, type] of [
      ["same", CONTAINER],
      ["refresh", CONTAINER],
      ["read", CONTAINER],
      ["create", "cybexp:index:Kms"],
      ["create", "pulumi:pulumi:Stack"],
      ["create", "pulumi:providers:docker"],
      ["delete", PASSWORD],
    ] as const) {
      begin(op, type, "x");
      end(op, type, "x");
    }
    assert.deepEqual(lines, []);
  });

  it("names what is in progress, and no longer what is done or has failed", () => {
    const { report, begin, end, fail } = start();
    begin("create", CONTAINER, "kms");
    begin("create", CONTAINER, "backend");
    begin("create", CONTAINER, "proxy");
    assert.equal(report.underWay, "container kms, container backend, container proxy");
    end("create", CONTAINER, "kms");
    fail("create", CONTAINER, "proxy");
    assert.equal(report.underWay, "container backend");
  });

  it("keeps failures for the end: the resource, and its program's own sentence", () => {
    const { report, say, lines } = start();
    say(
      "error",
      'exit status 1: running "node programs/smoke/smoke.ts":\nTLS: localhost:5002 shows no certificate\n',
      urn("command:local:Command", "smoke"),
    );
    say("error", "update failed", "urn:pulumi:dev::cybexp::pulumi:pulumi:Stack::cybexp-dev");
    assert.deepEqual(report.failures, ["smoke: TLS: localhost:5002 shows no certificate"]);
    assert.deepEqual(lines, []);
  });

  it("unwraps a provider's error, shows it once, and says where to look", () => {
    const { report, say } = start();
    const container = urn(CONTAINER, "kms");
    const cause = "container failed to be in healthy state";
    say(
      "error",
      `sdk-v2/provider2.go:571: sdk.helper_schema: ${cause}: provider=docker@5.2.0`,
      container,
    );
    say(
      "error",
      `  1 error occurred:\n\t* creating ${container}: 1 error occurred:\n\t* ${cause}\n\n`,
      container,
    );
    assert.deepEqual(report.failures, [
      "kms: container failed to be in healthy state: see `docker logs cybexp-dev-kms`",
    ]);
    assert.deepEqual([...report.unwell.values()], ["cybexp-dev-kms"]);
    assert.deepEqual([...report.unwell.keys()], report.failures);
  });

  it("names no resource if the program itself failed", () => {
    const { report, say } = start();
    say(
      "error",
      "Running program failed",
      "urn:pulumi:dev::cybexp::pulumi:pulumi:Stack::cybexp-dev",
    );
    assert.deepEqual(report.failures, ["Running program failed"]);
  });

  it("shows warnings except expected ones, and no debug messages", () => {
    const { say, lines } = start();
    say("warning", "using pulumi-resource-docker from $PATH at /bin/x");
    say("debug", "password is 123");
    say("warning", "the certificate ends soon\n");
    say("info", "hello");
    assert.deepEqual(lines, ["  warning: the certificate ends soon", "  hello"]);
  });

  it("keeps what breaks a mandatory rule for the end, and notes what breaks an advisory one", () => {
    const { report, lines } = start();
    const violation = (enforcementLevel: string, policyName: string, finding: string, of: string) =>
      report.take(
        JSON.stringify({
          policyEvent: {
            resourceUrn: of,
            message: `What the rule is for.\n${finding}\n`,
            policyName,
            enforcementLevel,
          },
        }),
      );
    const kms = urn(CONTAINER, "kms");
    violation("mandatory", "loopback-ports", "it publishes a port: set ip", kms);
    violation("mandatory", "memory-limit", "it has no memory limit: set memory", kms);
    violation("advisory", "read-only-root", "its root is writable: set readOnly", kms);
    violation("mandatory", "of-the-stack", "", "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev");
    assert.deepEqual(report.failures, [
      "kms: it publishes a port: set ip (policy loopback-ports)",
      "kms: it has no memory limit: set memory (policy memory-limit)",
      "What the rule is for. (policy of-the-stack)",
    ]);
    assert.deepEqual(lines, [
      "  note: kms: its root is writable: set readOnly (policy read-only-root)",
    ]);
  });

  it("counts what it has a line for, as a preview does: no components, and nothing unchanged", () => {
    const { report, begin, end, lines } = start();
    for (const [op, type, name] of [
      ["create", CONTAINER, "kms"],
      ["create", "cybexp:index:Kms", "kms"],
      ["same", CONTAINER, "proxy"],
      ["create-replacement", CONTAINER, "backend"],
      ["delete-replaced", CONTAINER, "backend"],
      ["update", "command:local:Command", "smoke"],
    ] as const) {
      begin(op, type, name);
      end(op, type, name);
    }
    assert.equal(report.changes, 3);
    assert.equal(lines.length, 3);
  });

  it("knows that Pulumi was told to stop, which its exit code does not always tell", () => {
    const { report } = start();
    assert.equal(report.cancelled, false);
    const message = "^C received; cancelling. If you would like to terminate immediately, press ^C";
    report.take(JSON.stringify({ stdoutEvent: { message } }));
    report.take(JSON.stringify({ stdoutEvent: { message: "other" } }));
    assert.equal(report.cancelled, true);
  });

  it("skips what isn't an event", () => {
    const { report, lines } = start();
    report.take("");
    report.take("^C received; cancelling.");
    assert.deepEqual(lines, []);
  });
});
