import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { describe, it } from "node:test";
import { localDir } from "../../machine/paths.ts";
import { imagesOf } from "../../stack/openSession.ts";
import {
  pulumiEnvironment,
  stackConfig,
  stackFile,
  stackName,
  stateDir,
} from "../../stack/configFile.ts";
import type * as StackSettings from "../../stack/settings.ts";
import type * as Stack from "../../stack/configFile.ts";
import { copyProject } from "./stackCopy.ts";

describe("the stack's name", () => {
  it("is dev unless STACK says otherwise", () => {
    assert.equal(stackName({}), "dev");
    assert.equal(stackName({ STACK: "" }), "dev");
    assert.equal(stackName({ STACK: "prod.eu-1_b" }), "prod.eu-1_b");
  });

  for (const name of ["a b", "org/dev", "../x", "dév", "a\n", "x".repeat(101)]) {
    it(`can't be ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.throws(() => stackName({ STACK: name }), {
        name: "UserError",
        message: `STACK=${JSON.stringify(name)} is not a valid stack name: use 1 to 100 letters, digits, ".", "_" and "-"`,
      });
    });
  }
});

describe("the stack's file", () => {
  it("says how to make one when it is missing", () => {
    assert.throws(() => stackFile("nosuch"), {
      name: "UserError",
      message:
        "there is no stack nosuch: Pulumi.nosuch.yaml is missing; `npm run env -- nosuch` creates it",
    });
  });

  it("gives its config as written", async (t) => {
    const copy = copyProject(t);
    const { stackConfig } = await copy.load<typeof Stack>("stack/configFile.ts");
    writeFileSync(
      copy.file("Pulumi.a.yaml"),
      "encryptionsalt: v1:x\nconfig:\n  cybexp:throwaway: true\n  cybexp:kms:\n    listen: 5002\n",
    );
    assert.deepEqual(stackConfig("a"), {
      "cybexp:throwaway": true,
      "cybexp:kms": { listen: 5002 },
    });
  });

  for (const [what, text] of Object.entries({
    "an empty file": "",
    "no config": "encryptionsalt: x\n",
    "a config without keys": "config:\n",
    "a text for a config": "config: text\n",
    "a text for a file": "text\n",
  })) {
    it(`has no config when there is ${what}`, async (t) => {
      const copy = copyProject(t);
      const { stackConfig } = await copy.load<typeof Stack>("stack/configFile.ts");
      writeFileSync(copy.file("Pulumi.a.yaml"), text);
      assert.deepEqual(stackConfig("a"), {});
    });
  }

  for (const [what, text, place] of [
    ["an open bracket", "config:\n  cybexp:users: [{password: s3cret}\nx: 1\n", ": see line 3"],
    ["a bad indent", "config:\n  a: 1\n s3cret: 2\n", ": see line 3"],
    ["an alias of nothing", "config:\n  password: *s3cret\n", ""],
  ] as const) {
    it(`that is not valid YAML (${what}) is refused with the place, and without its text`, async (t) => {
      const copy = copyProject(t);
      const { stackConfig } = await copy.load<typeof Stack>("stack/configFile.ts");
      writeFileSync(copy.file("Pulumi.a.yaml"), text);
      assert.throws(() => stackConfig("a"), {
        name: "UserError",
        message: `${copy.file("Pulumi.a.yaml")} is not valid YAML${place}`,
      });
    });
  }

  it("of the embedded default is there", () => {
    assert.deepEqual(imagesOf(stackConfig("dev")).sort(), [
      "cybexp-demo/backend:1",
      "cybexp-demo/kms:1",
      "cybexp-demo/mongo:1",
      "cybexp-demo/nginx:1",
    ]);
  });
});

describe("the images that a config names", () => {
  it("are taken from every key that has one, each once", () => {
    assert.deepEqual(
      imagesOf({
        "cybexp:kms": { image: "a:1", config: { image: "not:this" } },
        "cybexp:backend": { image: "b:1" },
        "other:thing": { image: "a:1" },
        "cybexp:proxy": { image: 5 },
        "cybexp:users": [{ name: "x" }],
        "cybexp:throwaway": true,
        "cybexp:rotation": null,
        "docker:host": "image",
      }),
      ["a:1", "b:1"],
    );
  });
});

describe("the environment of the Pulumi CLI", () => {
  const toolchain = { home: "/cache/home", origin: "download" } as const;
  const embedded = { url: undefined };
  const chosen = { url: "s3://bucket" };
  const theirs = { PULUMI_CONFIG_PASSPHRASE: "theirs" };

  it("has the stack's backend and the operator's passphrase, and nothing from the embedded one", () => {
    assert.deepEqual(
      pulumiEnvironment(toolchain, undefined, chosen, { ...theirs, PATH: "/bin", A: "1" }),
      {
        ...theirs,
        A: "1",
        PATH: [dirname(process.execPath), "/bin"].join(delimiter),
        PULUMI_HOME: "/cache/home",
        PULUMI_SKIP_UPDATE_CHECK: "true",
        PULUMI_BACKEND_URL: "s3://bucket",
      },
    );
  });

  it("makes no passphrase for a chosen backend, which may have its own keys", () => {
    const env = pulumiEnvironment(toolchain, undefined, chosen, {});
    assert.ok(!("PULUMI_CONFIG_PASSPHRASE_FILE" in env));
    assert.ok(!("PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER" in env));
  });

  it("never uses ~/.pulumi, not even when the operator's environment names it", () => {
    for (const store of [embedded, chosen]) {
      for (const env of [{}, { PULUMI_HOME: "/root/.pulumi" }]) {
        assert.equal(
          pulumiEnvironment(toolchain, undefined, store, { ...theirs, ...env })["PULUMI_HOME"],
          "/cache/home",
        );
      }
    }
  });

  it("keeps the embedded state in this clone", () => {
    assert.equal(stateDir, join(localDir, "state"));
    const env = pulumiEnvironment(toolchain, undefined, embedded, {
      PATH: "/bin",
      PULUMI_BACKEND_URL: "",
      PULUMI_CONFIG_PASSPHRASE: "",
    });
    assert.deepEqual(env, {
      PATH: [dirname(process.execPath), "/bin"].join(delimiter),
      PULUMI_CONFIG_PASSPHRASE: "",
      PULUMI_HOME: "/cache/home",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_BACKEND_URL: `file://${stateDir}?metadata=skip`,
      PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER: "true",
    });
  });

  it("takes the operator's passphrase file for the embedded state, too", () => {
    const env = pulumiEnvironment(toolchain, undefined, embedded, {
      PULUMI_CONFIG_PASSPHRASE_FILE: "/theirs",
    });
    assert.equal(env["PULUMI_CONFIG_PASSPHRASE_FILE"], "/theirs");
  });

  it("fetches no plugin if the toolchain was built, and names the engine", () => {
    const built = pulumiEnvironment({ home: "/h", origin: "build" }, "ssh://a@b", chosen, {});
    assert.equal(built["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"], "true");
    assert.equal(built["DOCKER_HOST"], "ssh://a@b");
    const found = pulumiEnvironment({ home: "/h", origin: "path" }, undefined, chosen, {});
    assert.ok(!("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION" in found));
    assert.ok(!("DOCKER_HOST" in found));
  });

  it("makes a passphrase once, for this user's eyes only", async (t) => {
    const copy = copyProject(t);
    const { pulumiEnvironment } = await copy.load<typeof Stack>("stack/configFile.ts");
    const file = copy.file(".cybexp", "passphrase");
    assert.ok(!existsSync(file));
    const first = pulumiEnvironment(toolchain, undefined, embedded, {});
    assert.equal(first["PULUMI_CONFIG_PASSPHRASE_FILE"], file);
    const passphrase = readFileSync(file, "utf8");
    // 192 bits.
    assert.match(passphrase, /^[\w-]{32}$/);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(pulumiEnvironment(toolchain, undefined, embedded, {}), first);
    assert.equal(readFileSync(file, "utf8"), passphrase);
  });
});

describe("the settings of a stack's file", () => {
  const FILE = [
    "config:",
    "  cybexp:kms: {image: k:1, bind: 127.0.0.1:5012, listen: 5002}",
    "  cybexp:backend: {image: b:1, bind: 127.0.0.1:5011, listen: 5001}",
    "  cybexp:database: {image: m:1}",
    "  cybexp:proxy: {image: n:1, serverName: cybexp.example.edu, address: 192.0.2.1}",
    "  docker:host: ssh://a@b",
    "",
  ].join("\n");
  const read = async (t: Parameters<typeof copyProject>[0], text: string) => {
    const copy = copyProject(t);
    writeFileSync(copy.file("Pulumi.a.yaml"), text);
    const { settingsOf } = await copy.load<typeof StackSettings>("stack/settings.ts");
    return () => settingsOf("a");
  };
  const known = (settings: StackSettings.StackSettings) =>
    settings.known ?? assert.fail("something is encrypted");
  /** The CLI, which tells the config in clear. */
  const telling = (shown: Record<string, { value: string; secret?: boolean }>) => {
    const asked: string[][] = [];
    const ask = (args: readonly string[]) => {
      asked.push([...args]);
      return Promise.resolve(JSON.stringify(shown));
    };
    return { asked, ask };
  };
  const inClear = {
    "cybexp:kms": { value: '{"image":"k:1","bind":"127.0.0.1:5012","listen":5002}' },
    "cybexp:backend": { value: '{"image":"b:1","bind":"127.0.0.1:5011","listen":5001}' },
    "cybexp:database": { value: '{"image":"m:1"}' },
    "cybexp:proxy": {
      value: '{"image":"n:1","serverName":"cybexp.example.edu","address":"192.0.2.1"}',
    },
    "docker:host": { value: "ssh://a@b" },
  };

  it("are those that the program gets, and assume that an encrypted password is valid", async (t) => {
    const settings = await read(
      t,
      `${FILE}  cybexp:users:\n    - name: collector\n    - name: analyst\n      password:\n        secure: v1:abc:def==\n`,
    );
    const { users, kms, throwaway } = known(settings());
    assert.deepEqual(
      users.map(({ name, generation }) => ({ name, generation })),
      [
        { name: "collector", generation: 1 },
        { name: "analyst", generation: 1 },
      ],
    );
    assert.ok(users[0] !== undefined && !("password" in users[0]));
    assert.deepEqual(kms.bind, { address: "127.0.0.1", port: 5012 });
    assert.equal(throwaway, false);
  });

  it("are refused with the program's own report, without any secret", async (t) => {
    const settings = await read(
      t,
      `${FILE.replace("127.0.0.1:5012", "localhost:5012")}  cybexp:users: [{name: a, password: s3cret-in-clear-text!}]\n`,
    );
    assert.throws(settings, (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(error.message, /^The configuration of stack "a" has 2 problems\./);
      assert.match(error.message, /^cybexp:kms\.bind = "localhost:5012"$/m);
      assert.match(error.message, /^cybexp:users\[0\]\.password = /m);
      assert.ok(!error.message.includes("s3cret"));
      return true;
    });
  });

  const SECRET_USERS = '[{"name":"analyst","generation":2,"password":"s3cret-of-the-analyst!"}]';

  it("come from Pulumi if a list is one secret", async (t) => {
    const settings = await read(t, `${FILE}  cybexp:users:\n    secure: v1:abc:def==\n`);
    const found = settings();
    assert.equal(found.known, undefined);
    assert.equal(found.production, false);
    const users = { value: SECRET_USERS, secret: true };
    const { ask, asked } = telling({ ...inClear, "cybexp:users": users });
    assert.deepEqual(
      (await found.read({ ask })).users.map(({ name, generation }) => [name, generation]),
      [["analyst", 2]],
    );
    assert.deepEqual(asked, [["config", "--json", "--show-secrets", "--stack", "a"]]);
  });

  it("come from Pulumi if a map, a number or a word is a secret", async (t) => {
    const text = FILE.replace(/cybexp:proxy: .*/, "cybexp:proxy: {secure: v1:abc:def==}");
    const settings = await read(
      t,
      `${text}  cybexp:users: [{name: a}]\n  cybexp:throwaway: {secure: v1:a}\n  cybexp:rotation: {serverCa: {secure: v1:b}, serverCaRetired: 2}\n`,
    );
    const { ask } = telling({
      ...inClear,
      "cybexp:users": { value: '[{"name":"a"}]' },
      "cybexp:throwaway": { value: "true", secret: true },
      "cybexp:rotation": { value: '{"serverCa":"4","serverCaRetired":2}', secret: true },
    });
    const { proxy, throwaway, rotation } = await settings().read({ ask });
    assert.equal(proxy.serverName, "cybexp.example.edu");
    assert.equal(throwaway, true);
    assert.equal(rotation.serverCa, 4);
  });

  it("don't involve Pulumi if only passwords are encrypted", async (t) => {
    const settings = await read(
      t,
      `${FILE}  cybexp:users: [{name: a, password: {secure: v1:abc:def==}}]\n`,
    );
    const { ask, asked } = telling({});
    assert.equal((await settings().read({ ask })).users[0]?.name, "a");
    assert.deepEqual(asked, []);
  });

  it("are refused before Pulumi runs for mistakes in plain text, and only for those", async (t) => {
    const settings = await read(
      t,
      `${FILE.replace("127.0.0.1:5012", "localhost:5012")}  cybexp:users: {secure: v1:abc:def==}\n`,
    );
    assert.throws(settings, (error: Error) => {
      assert.match(error.message, /has 1 problem\..*cybexp:kms\.bind = "localhost:5012"/s);
      return true;
    });
  });

  it("are refused with the program's own report for what was encrypted, none of it shown", async (t) => {
    const settings = await read(t, `${FILE}  cybexp:users:\n    secure: v1:abc:def==\n`);
    const value = SECRET_USERS.replace('"analyst"', '"ana:lyst"');
    const { ask } = telling({ ...inClear, "cybexp:users": { value, secret: true } });
    await assert.rejects(settings().read({ ask }), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(error.message, /has 1 problem\..*cybexp:users\[0\]\.name = \(not shown\)/s);
      assert.ok(!error.message.includes("s3cret") && !error.message.includes("ana:lyst"));
      return true;
    });
  });

  for (const [key, line] of [
    ["cybexp:state", "cybexp:state: {backend: {secure: v1:a}}"],
    ["cybexp:production", "cybexp:production: {secure: v1:a}"],
    ["docker:host", "docker:host: {secure: v1:a}"],
  ] as const) {
    it(`need ${key} in plain text`, async (t) => {
      const text = `${FILE.replace(/ {2}docker:host.*\n/, "")}  cybexp:users: [{name: a}]\n  ${line}\n`;
      assert.throws(await read(t, text), {
        name: "UserError",
        message: `${key} in Pulumi.a.yaml is encrypted, but it is needed before anything can be decrypted: write it in clear; it is not a secret`,
      });
    });
  }

  it("are also read key by key in plain text", async (t) => {
    const copy = copyProject(t);
    writeFileSync(
      copy.file("Pulumi.a.yaml"),
      `${FILE.replace(/cybexp:kms: .*/, "cybexp:kms: {secure: v1:a}")}`,
    );
    const { readableConfig } = await copy.load<typeof StackSettings>("stack/settings.ts");
    const { ask } = telling({
      ...inClear,
      "cybexp:kms": { ...inClear["cybexp:kms"], secret: true },
    });
    const config = await readableConfig("a", { ask });
    assert.deepEqual(imagesOf(config).sort(), ["b:1", "k:1", "m:1", "n:1"]);
    assert.equal(config["docker:host"], "ssh://a@b");
  });

  it("of the embedded default are valid", async (t) => {
    const settings = await read(t, readFileSync(stackFile("dev"), "utf8"));
    assert.deepEqual(
      known(settings()).users.map(({ name }) => name),
      ["collector", "analyst"],
    );
    assert.equal(known(settings()).throwaway, true);
  });
});
