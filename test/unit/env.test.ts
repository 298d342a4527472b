/** `npm run env`: what it asks, what it refuses, and the file that it writes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, it, type TestContext } from "node:test";
import { parse } from "yaml";
import { withEntry } from "../../cli/client/stackEntry.ts";
import { collectAnswers } from "../../cli/env/answers.ts";
import { nextSteps } from "../../cli/env/next.ts";
import { freePort, holderOf, type Taken } from "../../cli/env/ports.ts";
import { openPrompt } from "../../cli/env/prompt.ts";
import { renderEnvironment } from "../../cli/env/render.ts";
import type * as Env from "../../cli/env/env.ts";
import { projectRoot } from "../../machine/paths.ts";
import type * as StackSettings from "../../stack/settings.ts";
import { copyProject } from "./stackCopy.ts";

const DIGEST = `sha256:${"3f".repeat(32)}`;

/** A project in which `npm run env` can be run, with the dev stack in it. */
function project(t: TestContext) {
  const copy = copyProject(t);
  for (const path of ["cli/main.ts", "cli/env/env.ts", "cli/env", "Pulumi.dev.yaml"]) {
    cpSync(join(projectRoot, path), copy.file(path), { recursive: true });
  }
  const start = (...args: string[]) =>
    spawn(process.execPath, [copy.file("cli", "main.ts"), "env", ...args], { cwd: copy.root });
  const run = async (args: readonly string[], answers: readonly string[] = []) => {
    const child = start(...args);
    child.stdin.end(answers.map((answer) => `${answer}\n`).join(""));
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "exit") as Promise<[number | null]>,
    ]);
    return { code, stdout, stderr };
  };
  const file = (name: string) => copy.file(`Pulumi.${name}.yaml`);
  const written = (name: string) => readFileSync(file(name), "utf8");
  const settingsOf = async (name: string) =>
    (await copy.load<typeof StackSettings>("stack/settings.ts")).settingsOf(name).known ??
    assert.fail("something is encrypted");
  const yamlFiles = () => readdirSync(copy.root).filter((found) => found.startsWith("Pulumi."));
  return { copy, start, run, file, written, settingsOf, yamlFiles };
}

const PRODUCTION = [
  ...["--server-name", "CYBEXP.lab.internal", "--address", "10.0.0.10"],
  ...["--kms-image", `registry.lab.internal/kms:1.0@${DIGEST}`],
  ...["--backend-image", `registry.lab.internal/backend@${DIGEST}`],
  ...["--database-image", `mongo@${DIGEST}`, "--proxy-image", `nginx@${DIGEST}`],
  ...["--user", "collector", "2", "--user", "no,on"],
  ...["--backend", "s3://state?region=eu-central-1"],
];

describe("npm run env with flags", () => {
  it("writes a production stack's file, which says what the flags say", async (t) => {
    const { run, written, settingsOf, file } = project(t);
    const args = [...PRODUCTION, "--client", "browser-of-ann", "--secrets-provider"];
    const { code, stdout, stderr } = await run([
      ...["prod", "--yes", "--production", "--kms-listen", "443", ...args],
      "awskms://alias/cybexp?region=eu-central-1",
    ]);
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    assert.equal(
      stdout,
      `Pulumi.prod.yaml is written. It contains no secret: commit it.

  State       s3://state?region=eu-central-1
              its credentials come from the environment: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the machine's role
  Key         awskms://alias/cybexp?region=eu-central-1
  Look        STACK=prod npm run preview
  Deploy      STACK=prod npm run up

The first one adds the stack's encryption settings to Pulumi.prod.yaml: commit that, too.

More: docs/environments.md
`,
    );
    const settings = await settingsOf("prod");
    assert.partialDeepStrictEqual(settings, {
      production: true,
      throwaway: false,
      state: {
        backend: "s3://state?region=eu-central-1",
        secretsProvider: "awskms://alias/cybexp?region=eu-central-1",
      },
      kms: {
        image: `registry.lab.internal/kms:1.0@${DIGEST}`,
        // The usual port is the dev stack's.
        bind: { address: "127.0.0.1", port: 5112 },
        listen: 443,
        access: "either",
      },
      backend: {
        image: `registry.lab.internal/backend@${DIGEST}`,
        bind: { address: "127.0.0.1", port: 5111 },
        // Another address than the dev stack's.
        listen: 5001,
        access: "either",
      },
      database: { image: `mongo@${DIGEST}` },
      proxy: {
        image: `nginx@${DIGEST}`,
        serverName: "cybexp.lab.internal",
        address: "10.0.0.10",
      },
    });
    assert.deepEqual(
      settings.users.map(({ name }) => name),
      ["collector", "2", "no", "on"],
    );
    assert.deepEqual(
      settings.clients.map(({ name }) => name),
      ["browser-of-ann"],
    );
    // No secret is in it, so it is a file like any other.
    assert.equal(statSync(file("prod")).mode & 0o777, 0o666 & ~process.umask());
    const pem = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
    const edited = withEntry(written("prod"), { name: "carol", pem, file: "Pulumi.prod.yaml" });
    assert.match(edited, /- name: browser-of-ann\n +- name: carol\n/);
  });

  it("writes another dev stack with nothing but --no-production, beside the others", async (t) => {
    const { run, written, settingsOf } = project(t);
    const { code, stdout } = await run(["second", "--no-production", "--throwaway", "--yes"]);
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^ {2}State {7}in this clone, \.cybexp\/state, with its passphrase beside it/m,
    );
    assert.doesNotMatch(stdout, /PULUMI_CONFIG_PASSPHRASE/);
    assert.equal((await run(["third", "--no-production", "--yes"])).code, 0);
    const ports = async (name: string) => {
      const { kms, backend } = await settingsOf(name);
      return [kms.listen, backend.listen, kms.bind.port, backend.bind.port];
    };
    assert.deepEqual(await ports("second"), [5102, 5101, 5112, 5111]);
    assert.deepEqual(await ports("third"), [5202, 5201, 5212, 5211]);
    assert.partialDeepStrictEqual(await settingsOf("second"), { production: false, state: {} });
    assert.equal((await settingsOf("second")).throwaway, true);
    assert.equal((await settingsOf("third")).throwaway, false);
    assert.doesNotMatch(written("third"), /cybexp:(state|production|throwaway)/);
  });

  it("says how to give a passphrase, if one is needed", () => {
    const told = (backend: string, secretsProvider: string) =>
      nextSteps("test", { state: { backend, secretsProvider } });
    const stdout = told("file:///srv/cybexp state", "passphrase");
    assert.match(stdout, /^ +create the folder .*: mkdir -p -m 700 '\/srv\/cybexp state'$/m);
    assert.match(stdout, /^ +export PULUMI_CONFIG_PASSPHRASE_FILE=~\/\.cybexp-test-passphrase$/m);
    const cloud = told("https://api.pulumi.com", "default");
    assert.match(cloud, /^ {2}Key {9}Pulumi Cloud's own$/m);
    assert.match(cloud, /PULUMI_ACCESS_TOKEN, or log in once: npm run pulumi -- login$/m);
  });

  for (const [title, flags, message] of [
    [
      "names the flags that are missing, in the order of the questions",
      { address: "10.0.0.1", "proxy-image": `nginx@${DIGEST}` },
      "nothing was written, because answers are missing: add --server-name, --kms-image, --backend-image, --database-image, --backend, or run this in a terminal, where it asks",
    ],
    [
      "refuses a wrong value by its flag's name, in the settings' own words",
      { "server-name": "10.0.0.1" },
      "--server-name: An IP address can't be used here: clients name the server by SNI, which carries no IP addresses (RFC 6066). Write the name that clients use, for example cybexp.example.edu.",
    ],
    [
      "refuses a throw-away production stack",
      { throwaway: "yes" },
      "--throwaway: `destroy` removes the volumes of a throw-away stack. A production stack keeps its data. Remove it. If the data may be lost, remove cybexp:production instead.",
    ],
    [
      "refuses a demo image for a production stack",
      { "kms-image": "cybexp-demo/kms:1", "server-name": "a.lab.internal", address: "10.0.0.1" },
      "--kms-image: This is a demo image, built on this machine. A production stack runs the real one. Name it by digest, as in registry.example.edu/name:1.0@sha256:...; `docker buildx imagetools inspect NAME` prints it.",
    ],
    [
      "refuses two users of one name",
      { production: "no", user: "ann,Ann" },
      "--user: A user can be listed only once: cybexp:users[0] already has this name (case is ignored). Remove one of the two, or give it another name.",
    ],
    [
      "refuses ports that clash",
      { production: "no", "kms-listen": "6000", "backend-listen": "6000" },
      "--backend-listen: Port 6000 is used twice: cybexp:kms.listen already listens on it. Give one of the two another port.",
    ],
  ] as const) {
    it(title, async () => {
      await assert.rejects(collectAnswers(flags, [], undefined), { name: "UserError", message });
    });
  }

  it("refuses a production stack with its state in this clone, and writes nothing", async (t) => {
    const { run, yamlFiles } = project(t);
    const before = yamlFiles();
    assert.deepEqual(await run(["prod", ...PRODUCTION, "--yes", "--backend", "embedded"]), {
      code: 1,
      stdout: "",
      stderr:
        "error: --backend: This is a production stack, and its state would be in this clone (.cybexp/), beside the passphrase that decrypts it. Write, for example, file:///srv/cybexp-state or s3://bucket?region=eu-central-1.\n",
    });
    assert.deepEqual(yamlFiles(), before);
  });

  it("refuses names that are taken, and names that Pulumi refuses", async (t) => {
    const { copy, yamlFiles } = project(t);
    const before = yamlFiles();
    const { env } = await copy.load<typeof Env>("cli/env/env.ts");
    for (const [name, message] of [
      [
        "dev",
        "Pulumi.dev.yaml exists already and was not changed: edit it, or choose another name",
      ],
      ["prod.example", "prod.example is the name of an example file: choose another one"],
      ["a/b", '"a/b" is not a valid stack name: use 1 to 100 letters, digits, ".", "_" and "-"'],
    ] as const) {
      await assert.rejects(env(name, { yes: true }), { name: "UserError", message });
    }
    assert.deepEqual(yamlFiles(), before);
  });

  it("says without a terminal what is missing, and how to accept the defaults", async (t) => {
    const { run, yamlFiles } = project(t);
    const before = yamlFiles();
    const { code, stderr } = await run(["prod", "--address", "10.0.0.1"]);
    assert.equal(code, 1);
    assert.equal(
      stderr.trimEnd().split("\n").at(-1),
      "error: nothing was written, because answers are missing: add --server-name, --kms-image, --backend-image, --database-image, --proxy-image, --backend, --yes (for the defaults of the rest), or run this in a terminal, where it asks",
    );
    assert.deepEqual(yamlFiles(), before);
  });
});

describe("npm run env with questions", () => {
  it("takes defaults with Enter, and asks again with the reason", async (t) => {
    const { run, settingsOf } = project(t);
    const { code, stderr } = await run(
      ["test"],
      [
        ...["maybe", "No", "", "", "0.0.0.0", "", "", "", "", "", "5003", "", "", "ann bob", ""],
        ...["s3://AKIA:s3cret@bucket", "s3://bucket?region=x", ""],
      ],
    );
    assert.equal(code, 0);
    assert.match(
      stderr,
      /\[yes\]:\n {2}Allowed: yes or no\. Write one of the two\.\nDoes it serve real data \(/,
    );
    // The dev stack's port at 127.0.0.1 is taken at every address.
    assert.match(
      stderr,
      /^The proxy's port for the KMS \(5002 is used in Pulumi\.dev\.yaml\) \[5102\]:$/m,
    );
    assert.match(stderr, /^ {2}It has a user name or password before the @\. Put credentials/m);
    assert.match(stderr, /^What encrypts the secrets in it: .* \[passphrase\]:$/m);
    assert.partialDeepStrictEqual(await settingsOf("test"), {
      production: false,
      throwaway: false,
      proxy: { serverName: "localhost", address: "0.0.0.0" },
      kms: { image: "cybexp-demo/kms:1", listen: 5102, access: "password" },
      backend: { listen: 5003 },
      state: { backend: "s3://bucket?region=x", secretsProvider: "passphrase" },
      users: [{ name: "ann" }, { name: "bob" }],
    });
  });

  it("does not ask what a flag has answered", async (t) => {
    const { run } = project(t);
    const { code, stderr } = await run(["prod", "--production", ...PRODUCTION], ["", "", "", ""]);
    assert.equal(code, 0);
    assert.deepEqual(stderr.match(/^\w.*(?=:$)/gm), [
      "Where the operator reaches the KMS itself (5012 is used in Pulumi.dev.yaml) [127.0.0.1:5112]",
      "Where the operator reaches the Backend itself (5011 is used in Pulumi.dev.yaml) [127.0.0.1:5111]",
      "Who gets a client certificate (Enter for nobody)",
      "What encrypts the secrets in it: passphrase, or a key (awskms://, gcpkms://, azurekeyvault://, hashivault://) [passphrase]",
    ]);
  });

  it("leaves nothing behind when it is interrupted at a question", async (t) => {
    const { start, yamlFiles } = project(t);
    const before = yamlFiles();
    const child = start("test");
    await once(child.stderr, "data");
    child.stdin.write("no\n");
    child.kill("SIGINT");
    const [code] = (await once(child, "exit")) as [number];
    assert.equal(code, 130);
    assert.deepEqual(yamlFiles(), before);
  });

  it("does not overwrite a file that appeared while it asked", async (t) => {
    const { start, file, written } = project(t);
    const child = start("test", "--no-production");
    await once(child.stderr, "data");
    writeFileSync(file("test"), "theirs\n");
    child.stdin.end("\n".repeat(20));
    const [errors, [code]] = await Promise.all([
      text(child.stderr),
      once(child, "exit") as Promise<[number]>,
    ]);
    assert.equal(code, 1);
    assert.match(errors, /^error: Pulumi\.test\.yaml exists already and was not changed: /m);
    assert.equal(written("test"), "theirs\n");
  });
});

describe("the prompt", () => {
  const open = () => {
    const input = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => undefined });
    const output = new PassThrough();
    return { input, output, prompt: openPrompt(input as never, output as never) };
  };

  it("gives lines that came before they were asked for, then reports the end", async () => {
    const input = new PassThrough();
    const prompt = openPrompt(input as never, new PassThrough() as never);
    input.end(" a \n\nb");
    assert.equal(await prompt.ask("?"), "a");
    assert.equal(await prompt.ask("?"), "");
    assert.equal(await prompt.ask("?"), "b");
    assert.equal(await prompt.ask("?"), undefined);
    assert.equal(await prompt.ask("?"), undefined);
  });

  it("treats a terminal's Ctrl-C as a signal, and Ctrl-D as the end", async () => {
    const { input, prompt } = open();
    const interrupted = once(process, "SIGINT");
    const answer = prompt.ask("?");
    input.write("half\x03");
    await interrupted;
    prompt.close();
    assert.equal(await answer, undefined);
    const other = open();
    const ended = other.prompt.ask("?");
    other.input.write("\x04");
    assert.equal(await ended, undefined);
  });
});

describe("ports beside those of other environments", () => {
  const taken: Taken[] = [
    { path: [], address: "127.0.0.1", port: 5002, file: "Pulumi.dev.yaml" },
    { path: [], address: "0.0.0.0", port: 5102, file: "Pulumi.test.yaml" },
    { path: [], address: "::1", port: 65500, file: "Pulumi.x.yaml" },
  ];

  for (const [address, port, holder, free] of [
    ["127.0.0.1", 5002, "Pulumi.dev.yaml", 5202],
    ["10.0.0.1", 5002, undefined, 5002],
    ["0.0.0.0", 5002, "Pulumi.dev.yaml", 5202],
    ["10.0.0.1", 5102, "Pulumi.test.yaml", 5202],
    ["127.0.0.1", 5001, undefined, 5001],
    // There is no port above: whoever asks has to say another.
    ["::1", 65500, "Pulumi.x.yaml", 65500],
  ] as const) {
    it(`${address}:${port} is ${holder ?? "nobody"}'s`, () => {
      assert.equal(holderOf({ address, port }, taken), holder);
      assert.equal(freePort({ address, port }, taken), free);
    });
  }

  it("are not looked for on other engines, in examples, or in files that can't be read", async (t) => {
    const { copy, run, settingsOf, file } = project(t);
    const dev = readFileSync(file("dev"), "utf8");
    writeFileSync(file("dev"), `${dev}  docker:host: ssh://a@b\n`);
    writeFileSync(copy.file("Pulumi.prod.example.yaml"), dev);
    writeFileSync(file("broken"), "config: [\n");
    assert.equal((await run(["a", "--no-production", "--yes"])).code, 0);
    assert.equal((await settingsOf("a")).kms.listen, 5002);
  });
});

describe("the example of a real environment", () => {
  it("is what is written for its answers, with the same comments", () => {
    const example = readFileSync(join(projectRoot, "Pulumi.prod.example.yaml"), "utf8");
    const { config } = parse(example) as { config: Record<string, unknown> };
    const values = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key.replace("cybexp:", ""), value]),
    );
    const header = example
      .slice(0, example.indexOf("config:\n"))
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^# /, ""));
    assert.equal(renderEnvironment(values, header), example);
  });
});
