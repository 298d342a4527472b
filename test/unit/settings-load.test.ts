import { after, afterEach, describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { fromPulumi } from "../../settings/fromPulumi.ts";
import { loadSettings } from "../../settings/load.ts";

const folder = mkdtempSync(join(tmpdir(), "cybexp-settings-"));
const PASSWORD = "correct horse battery staple";

/** The values as the CLI hands them over: maps and lists as JSON, the rest as text. */
const values: Record<string, string> = {
  "cybexp:kms": '{"image":"cybexp-demo/kms:1","bind":"127.0.0.1:5012","listen":5002}',
  "cybexp:backend": '{"image":"cybexp-demo/backend:1","bind":"127.0.0.1:5011","listen":5001}',
  "cybexp:database": '{"image":"cybexp-demo/mongo:1"}',
  "cybexp:proxy": '{"image":"cybexp-demo/nginx:1","serverName":"localhost","address":"127.0.0.1"}',
  "cybexp:users": JSON.stringify([{ name: "collector", password: PASSWORD }]),
  "cybexp:throwaway": "true",
  "docker:host": "ssh://root@docker.example.edu",
};

function configure(changes: Record<string, string> = {}, secretKeys = ["cybexp:users"]): void {
  pulumi.runtime.setAllConfig({ ...values, ...changes }, secretKeys);
}

function stackFile(text: string): void {
  const file = join(folder, "Pulumi.yaml");
  writeFileSync(file, text);
  process.env["CYBEXP_CONFIG_FILE"] = file;
}

function refusal(): string {
  try {
    loadSettings();
  } catch (error) {
    assert.ok(pulumi.RunError.isInstance(error), String(error));
    return error.message;
  }
  assert.fail("the configuration was accepted");
}

await pulumi.runtime.setMocks(
  { newResource: () => ({ id: "", state: {} }), call: () => ({}) },
  "cybexp",
  "unit",
);

describe("the running program's settings", () => {
  afterEach(() => delete process.env["CYBEXP_CONFIG_FILE"]);
  after(() => rmSync(folder, { recursive: true }));

  it("come from the keys of its own, parsed", () => {
    configure();
    const settings = loadSettings();
    assert.deepEqual(settings.kms.bind, { address: "127.0.0.1", port: 5012 });
    assert.deepEqual(settings.users, [
      { name: "collector", generation: 1, retired: 0, password: PASSWORD },
    ]);
    assert.equal(settings.throwaway, true);
  });

  it("may have any key encrypted as a whole", () => {
    configure({}, Object.keys(values));
    stackFile("config:\n  cybexp:users:\n    secure: v1:AAAA\n");
    const settings = loadSettings();
    assert.equal(settings.users[0]?.password, PASSWORD);
    assert.deepEqual(settings.kms.bind, { address: "127.0.0.1", port: 5012 });
  });

  it("show nothing of a key that is encrypted as a whole when it is wrong", () => {
    const users = JSON.stringify([{ name: "a secret: name" }, { name: "analyst", generation: 0 }]);
    configure({ "cybexp:users": users });
    const report = refusal();
    assert.match(report, /has 2 problems\./);
    assert.match(report, /^cybexp:users\[0\]\.name = \(not shown\)$/m);
    assert.match(report, /^cybexp:users\[1\]\.generation = \(not shown\)$/m);
    assert.ok(!report.includes("a secret"));
  });

  it("are refused with the report, for the CLI to print without a trace", () => {
    configure({ "cybexp:kms": "hello", "cybexp:throwawy": "true" });
    assert.equal(
      refusal(),
      `The configuration of stack "unit" has 2 problems. Nothing was changed.

cybexp:kms = "hello"
  Allowed: a map of image, bind, listen, access, config, resources, administrator.
  Write its keys below it.

cybexp:throwawy = (not shown)
  This key is not known.
  Did you mean cybexp:throwaway?`,
    );
  });

  it("are refused when no password is marked as a secret", () => {
    configure({}, []);
    const report = refusal();
    assert.match(report, /has 1 problem\. .*cybexp:users\[0\]\.password = \(not shown\)/s);
    assert.ok(!report.includes(PASSWORD));
  });

  it("are refused when the stack's file has a password in clear beside an encrypted one", () => {
    configure();
    stackFile(`config:\n  cybexp:users:\n    - name: collector\n      password: ${PASSWORD}\n`);
    assert.match(
      refusal(),
      /has 1 problem\. .*cybexp:users\[0\]\.password = \(not shown\)\n {2}The password is in plain text/s,
    );
    stackFile(
      "config:\n  cybexp:users:\n    - name: collector\n      password:\n        secure: v1:AAAA\n",
    );
    assert.equal(loadSettings().users[0]?.password, PASSWORD);
  });

  it("are refused when the named file can't be read", () => {
    configure();
    const file = join(folder, "missing.yaml");
    process.env["CYBEXP_CONFIG_FILE"] = file;
    assert.equal(
      refusal(),
      `CYBEXP_CONFIG_FILE ${file} can't be read (ENOENT). Make it readable: it is searched for passwords in plain text.`,
    );
  });
});

describe("a value from Pulumi", () => {
  for (const [text, value] of [
    ['{"a":[1,"2",true,null]}', { a: [1, "2", true, null] }],
    [" [1]", [1]],
    ["5", "5"],
    ["true", "true"],
    ["", ""],
    ["{broken", "{broken"],
    ["[localhost]:1", "[localhost]:1"],
  ] as const) {
    it(`${JSON.stringify(text)} becomes ${JSON.stringify(value)}`, () => {
      assert.deepEqual(fromPulumi(text), value);
    });
  }
});
