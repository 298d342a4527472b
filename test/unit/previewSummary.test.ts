import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readEvents } from "../../cli/preview/events.ts";
import { runPreview } from "../../cli/preview/run.ts";
import { failedSummary, removedSummary, summarize } from "../../cli/preview/summary.ts";
import { renderTerminal } from "../../cli/preview/terminal.ts";
import {
  CERTIFICATE,
  COMMAND,
  CONTAINER,
  container,
  diagnostic,
  event,
  PASSWORD,
  policy,
  smoke,
} from "./previewEvents.ts";

const summaryOf = (lines: readonly string[], failed = false) =>
  summarize({ environment: "dev", failed, previewed: readEvents(lines.join("\n")) });

const sections = (...lines: string[]) =>
  Object.fromEntries(summaryOf(lines).sections.map(({ title, items }) => [title, items]));

const replaced = (
  role: string,
  detailed: readonly string[],
  ports: Record<string, unknown>[] = [],
) =>
  event({
    op: "replace",
    type: `cybexp:index:Kms$${CONTAINER}`,
    name: role,
    old: container(role),
    next: container(role, ports),
    detailed,
  });

const user = (op: string, name: string) => event({ op, type: PASSWORD, name });

describe("the summary of a preview", () => {
  it("says in one line that nothing changes", () => {
    const summary = summaryOf([user("same", "user-ann-1"), smoke({ numbers: { "user ann": 1 } })]);
    assert.deepEqual(summary.sections, []);
    assert.deepEqual(summary.changes, []);
    assert.equal(renderTerminal(summary), "dev: nothing changes\n");
  });

  it("ignores refreshes, reads and the parts of a replacement", () => {
    for (const op of ["refresh", "read", "create-replacement", "delete-replaced"]) {
      assert.equal(summaryOf([user(op, "user-ann-1")]).tally, "", op);
    }
  });

  it("says what restarts, why, and whether anybody notices; the interruptions first", () => {
    assert.deepEqual(
      sections(
        replaced("kms", ["labels[2].value", "mounts[0].source"]),
        replaced("backend", ["image", "labels[2].value"]),
        replaced("backend-db", ["ports"]),
        replaced("proxy", ["ports[0].external", "mystery"]),
        replaced("kapow", ["labels[3].value"]),
        replaced("other", []),
        event({ op: "delete", type: CONTAINER, name: "kms-db", old: container("kms-db") }),
        event({ op: "update", type: CONTAINER, name: "x", detailed: ["memory"] }),
      ),
      {
        Restarts: [
          "The Backend's database is replaced (its published ports): INTERRUPTION: the Backend answers with errors until it is back",
          "Kapow! is replaced (its configuration): INTERRUPTION: its running requests are cut off",
          "The container other is replaced (created again): INTERRUPTION until it is back",
          "The proxy is replaced (mystery and its published ports): INTERRUPTION: nobody is served until it is back",
          "INTERRUPTION: the KMS's database is removed",
          "The Backend is replaced (another image): a stand-in serves meanwhile, no request is lost",
          "The KMS is replaced (its configuration): a stand-in serves meanwhile, no request is lost",
        ],
      },
    );
  });

  it("promises no stand-in for a service that does not run, or if the proxy does not", () => {
    const named = (role: string, op = "replace") =>
      event({
        op,
        type: `cybexp:index:Kms$${CONTAINER}`,
        name: role,
        old: { ...container(role), name: `cybexp-dev-${role}` },
        detailed: ["image"],
      });
    const previewed = readEvents(
      [named("kms"), named("backend"), named("kms-db"), named("proxy", "same")].join("\n"),
    );
    const restarts = (running: string[]) =>
      summarize({
        ...{ environment: "dev", failed: false, previewed },
        running: new Set(running.map((role) => `cybexp-dev-${role}`)),
      }).sections.flatMap(({ items }) => items);
    assert.deepEqual(restarts(["backend", "kms-db", "proxy"]), [
      "The KMS's database is replaced (another image): INTERRUPTION: the KMS answers with errors until it is back",
      "The Backend is replaced (another image): a stand-in serves meanwhile, no request is lost",
      "The KMS is replaced (another image): it does not run now, so nobody is served until it is back",
    ]);
    assert.deepEqual(restarts(["backend", "kms"]), [
      "The Backend is replaced (another image): the proxy does not run now, so nobody is served until it is back",
      "The KMS is replaced (another image): the proxy does not run now, so nobody is served until it is back",
      "The KMS's database is replaced (another image): it does not run now, so nobody is served until it is back",
    ]);
  });

  it("says what becomes reachable, the most exposed first, and what no longer is", () => {
    const old = container("kms", [
      { ip: "127.0.0.1", external: 5012, internal: 5000 },
      { ip: "127.0.0.1", external: 1, internal: 1 },
    ]);
    const next = container("kms", [
      { ip: "127.0.0.1", external: 1, internal: 1 },
      { ip: "127.0.0.1", external: 5013, internal: 5000 },
      { ip: "192.0.2.1", external: 5012, internal: 5000 },
      { ip: "::", external: 5014, internal: 5000 },
      // The engine's own default.
      { external: 5015, internal: 5000 },
    ]);
    const found = sections(event({ op: "update", type: CONTAINER, name: "kms", old, next }));
    assert.deepEqual(found["Becomes reachable"], [
      "The KMS at [::]:5014: from EVERY network of the Docker host",
      "The KMS at 0.0.0.0:5015: from EVERY network of the Docker host",
      "The KMS at 192.0.2.1:5012: from the network of 192.0.2.1",
      "The KMS at 127.0.0.1:5013: from the Docker host only",
    ]);
    assert.deepEqual(found["No longer reachable"], ["The KMS at 127.0.0.1:5012"]);
  });

  it("says whose certificate or password is replaced without a number", () => {
    const key = "cybexp:tls:ClientCertificate$tls:index/privateKey:PrivateKey";
    const authority =
      "cybexp:tls:RotatedAuthority$cybexp:tls:CertificateAuthority$tls:index/selfSignedCert:SelfSignedCert";
    assert.deepEqual(
      sections(
        smoke({ numbers: { serverCertificate: 1, serverCa: 1 } }),
        event({ op: "replace", type: CERTIFICATE, name: "client-laptop-1" }),
        event({ op: "replace", type: CERTIFICATE, name: "client-phone-1" }),
        event({ op: "replace", type: key, name: "client-phone-1-key" }),
        event({
          op: "replace",
          type: "cybexp:tls:ServerCertificate$tls:index/locallySignedCert:LocallySignedCert",
          name: "server-certificate",
        }),
        event({ op: "replace", type: authority, name: "client-ca-1" }),
        user("replace", "user-ann-1"),
      ),
      {
        "Loses access": [
          "Certificate of phone: replaced by one for another key: the present one is refused",
          "Password of ann: replaced by another: the present one is refused at once",
        ],
        "Is rotated": [
          "Certificate of laptop: renewed for the same key: hand over the new one",
          "Server certificate: renewed",
          "Client CA: renewed for the same key",
        ],
      },
    );
  });

  it("says who gets into a new environment, without listing everybody", () => {
    const found = sections(user("create", "user-ann-1"), user("create", "user-rob-1"));
    assert.deepEqual(found["Gains access"], ["2 users and 0 clients"]);
  });

  it("names what changes, by component, in the same order however the events come", () => {
    const lines = [
      event({ op: "update", type: `cybexp:index:SmokeCheck$${COMMAND}`, name: "smoke" }),
      event({
        op: "create",
        type: "cybexp:index:Kms$cybexp:index:Database$docker:index/volume:Volume",
        name: "v",
      }),
      event({ op: "update", type: `cybexp:index:Kms$${COMMAND}`, name: "kms-limits" }),
      event({ op: "update", type: `cybexp:index:Kms$${COMMAND}`, name: "kms-handover" }),
      event({ op: "replace", type: `cybexp:index:Kms$${CONTAINER}`, name: "kms" }),
      event({ op: "delete", type: PASSWORD, name: "user-ann-1" }),
      event({ op: "delete", type: "cybexp:index:UserList", name: "component" }),
      event({ op: "create", type: CONTAINER, name: "stray" }),
    ];
    const expected = [
      { component: "KMS's database", what: "creates volume v" },
      {
        component: "KMS",
        what: "replaces container kms; updates programs kms-handover, kms-limits",
      },
      { component: "Users", what: "removes password user-ann-1" },
      { component: "Checks", what: "updates program smoke" },
      { component: "Other", what: "creates container stray" },
    ];
    const summary = summaryOf(lines);
    assert.deepEqual(summary.changes, expected);
    assert.equal(summary.tally, "1 replaced, 1 removed, 2 created, 3 updated");
    assert.deepEqual(summaryOf(lines.toReversed()), summary);
  });

  it("has mandatory rules before advice, and fails by what Pulumi's exit code says", () => {
    const summary = summaryOf(
      [
        policy("advisory", "a-memory", "Containers have limits.\nset a limit"),
        policy("mandatory", "loopback", "<{%fg 9%}>port 1 is open<{%reset%}>"),
      ],
      true,
    );
    assert.deepEqual(summary.violations, [
      {
        rule: "loopback",
        pack: "cybexp",
        resource: "kms",
        message: "port 1 is open",
        mandatory: true,
      },
      {
        rule: "a-memory",
        pack: "cybexp",
        resource: "kms",
        message: "set a limit",
        mandatory: false,
      },
    ]);
    assert.deepEqual(summary.errors, []);
    assert.equal(summary.failed, true);
    assert.equal(
      renderTerminal(summary),
      "dev: breaks a rule\n  Rules\n    - kms breaks the rule loopback: port 1 is open\n" +
        "    - kms is advised against by a-memory: set a limit\n",
    );
  });

  it("says why a program stopped halfway, and nothing that it can't know", () => {
    const summary = summaryOf([
      user("delete", "user-ann-1"),
      diagnostic("error", "no such key\n"),
      diagnostic("warning", "old\n"),
    ]);
    assert.equal(summary.failed, true);
    assert.deepEqual([summary.sections, summary.changes, summary.diff], [[], [], []]);
    assert.equal(renderTerminal(summary), "dev: fails\nwarning: old\nerror: no such key\n");
  });

  it("explains a failure even if Pulumi doesn't", async () => {
    const run = (stderr: string) => () => Promise.resolve({ code: 255, stdout: "", stderr });
    const told = await runPreview(run("error: no such stack\n"), []);
    assert.deepEqual(told.previewed.failures, ["no such stack"]);
    const silent = await runPreview(run(""), []);
    const summary = summarize({ environment: "dev", ...silent });
    assert.deepEqual(summary.errors, ["Pulumi failed without a message"]);
  });

  it("asks Pulumi for its events", async () => {
    const asked: unknown[] = [];
    await runPreview(
      (args, env) => {
        asked.push(args, env);
        return Promise.resolve({ code: 0, stdout: "", stderr: "" });
      },
      ["--stack", "dev"],
    );
    assert.deepEqual(asked, [
      ["preview", "--stack", "dev", "--json"],
      { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" },
    ]);
  });

  it("reports an environment that could not be previewed, and one that is removed", () => {
    assert.equal(
      renderTerminal(failedSummary("prod", "two\nlines", ["a remark"])),
      "prod: fails\n  a remark\nerror: two\nlines\n",
    );
    assert.equal(
      renderTerminal(removedSummary("prod")),
      "prod: removed\n  Pulumi.prod.yaml is removed. If it is deployed, remove it before this is merged (STACK=prod npm run down); otherwise it stays deployed.\n",
    );
  });
});

describe("the diff", () => {
  const diff = (old: unknown, next: unknown, path = "p") =>
    summaryOf([
      event({
        op: "update",
        type: COMMAND,
        name: "x",
        old: { p: old },
        next: { p: next },
        detailed: [path],
      }),
    ]).diff.slice(1);
  const secret = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    ciphertext: "[secret]",
  };

  it("has the properties that differ, old and new", () => {
    assert.deepEqual(diff(1, 2), ["    p: 1 => 2"]);
    assert.deepEqual(diff("a", undefined), ['    p: "a" => (none)']);
    assert.deepEqual(diff([{ value: "x" }], [{ value: "y" }], "p[0].value"), [
      '    p[0].value: "x" => "y"',
    ]);
    assert.deepEqual(diff({ "/a b": 1 }, { "/a b": 2 }, 'p["/a b"]'), ['    p["/a b"]: 1 => 2']);
  });

  it("shows only what differs in a map, and in a map in JSON", () => {
    assert.deepEqual(diff({ a: 1, b: 2 }, { a: 1, b: 3 }), ["    p b: 2 => 3"]);
    assert.deepEqual(diff('{"a":1,"b":{"c":2,"d":0}}', '{"a":1,"b":{"c":3,"d":0}}'), [
      "    p b c: 2 => 3",
    ]);
  });

  it("shows neither secrets nor what differs each time: ids, keys, unknown values", () => {
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    assert.deepEqual(diff(secret, unknown), ["    p: [secret] => (known after the update)"]);
    assert.deepEqual(diff(secret, secret), ["    p: another [secret]"]);
    const ids = ["ab12".repeat(16), "cd34".repeat(16)] as const;
    assert.deepEqual(diff(ids[0], ids[1]), ['    p: another "(id)"']);
    assert.deepEqual(diff(`sha256:${ids[0]}`, "x"), ['    p: "(id)" => "x"']);
    assert.deepEqual(diff("-----BEGIN A-----\nx", "x"), ['    p: "(PEM)" => "x"']);
    // Of an image in the settings it is what a reviewer compares.
    const image = `example/kms@sha256:${ids[0]}`;
    assert.deepEqual(diff(image, "x"), [`    p: "${image}" => "x"`]);
  });

  it("shows a container's ports together, and cuts what is long", () => {
    const port = (ip: string, external: number) => ({ ip, external, internal: 5000 });
    const [line] = summaryOf([
      event({
        op: "replace",
        type: CONTAINER,
        name: "kms",
        old: { ports: [port("127.0.0.1", 1)] },
        next: { ports: [port("0.0.0.0", 1), port("", 2)] },
        detailed: ["ports[0].ip", "ports[1]"],
      }),
    ]).diff.slice(1);
    assert.equal(
      line,
      "    ports: [127.0.0.1:1 -> 5000] => [0.0.0.0:1 -> 5000, 0.0.0.0:2 -> 5000]",
    );
    assert.equal(diff("a", "b".repeat(500))[0], `    p: "a" => "${"b".repeat(119)}...`);
  });
});
