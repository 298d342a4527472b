/** What keeps a production stack's state and passphrase out of the repository. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import {
  type Custody,
  type Passphrase,
  providerInUse,
  refusalOf,
} from "../../stack/productionGuard.ts";
import type * as StateGuard from "../../stack/productionGuard.ts";
import { copyProject } from "./stackCopy.ts";

const outside: Passphrase = {
  from: "file",
  path: "/home/op/passphrase",
  exists: true,
  inside: false,
  tracked: false,
};

const custody = (changes: Partial<Custody>): Custody => ({
  stack: "prod",
  production: true,
  backend: "s3://bucket?region=eu-central-1",
  backendInside: false,
  wanted: undefined,
  inUse: undefined,
  passphrase: outside,
  ...changes,
});

const GIVE =
  "set PULUMI_CONFIG_PASSPHRASE_FILE to a file outside the repository that only you can read";
const NONE = `the secrets of prod are encrypted by a passphrase, but none is set: ${GIVE}`;

describe("a stack is refused", () => {
  for (const [title, changes, refusal] of [
    [
      "that is a production stack with the embedded state",
      { backend: undefined },
      "prod is a production stack, but its state would be in this clone (.cybexp/), beside the passphrase that decrypts it: set cybexp:state.backend in Pulumi.prod.yaml, for example to file:///srv/cybexp-state or s3://bucket?region=eu-central-1 (docs/environments.md)",
    ],
    [
      "that is a production stack with its state in the repository",
      { backend: "file:///clone/state", backendInside: true },
      "prod is a production stack, but its state would be in the repository's folder (file:///clone/state): set cybexp:state.backend in Pulumi.prod.yaml to a place outside it",
    ],
    [
      "that is a production stack with its passphrase file in the repository's folder",
      { passphrase: { ...outside, path: ".cybexp/passphrase", inside: true } },
      "prod is a production stack, but PULUMI_CONFIG_PASSPHRASE_FILE (.cybexp/passphrase) is in the repository's folder: move it out, or choose a key service (docs/environments.md)",
    ],
    [
      "that is a production stack with its passphrase file in a Git repository",
      { passphrase: { ...outside, tracked: true } },
      `prod is a production stack, but PULUMI_CONFIG_PASSPHRASE_FILE (/home/op/passphrase) is in a Git repository: change the passphrase, because everyone with access to the repository has it, and ${GIVE}`,
    ],
    [
      "that is a production stack with an empty passphrase",
      { passphrase: { from: "variable", empty: true } },
      `prod is a production stack, but PULUMI_CONFIG_PASSPHRASE is empty: ${GIVE}`,
    ],
    ["without a passphrase", { passphrase: { from: "nowhere" } }, NONE],
    [
      "without a passphrase, also when it serves no real data",
      { passphrase: { from: "nowhere" }, production: false },
      NONE,
    ],
    [
      "without a passphrase, which `default` is anywhere but in Pulumi Cloud",
      { passphrase: { from: "nowhere" }, wanted: "default" },
      NONE,
    ],
    [
      "in Pulumi Cloud with a passphrase that is not given",
      { passphrase: { from: "nowhere" }, backend: "https://api.pulumi.com", wanted: "passphrase" },
      NONE,
    ],
    [
      "whose passphrase file is not there",
      { passphrase: { ...outside, exists: false }, production: false },
      `PULUMI_CONFIG_PASSPHRASE_FILE (/home/op/passphrase) does not exist: ${GIVE}`,
    ],
    [
      "whose secrets are encrypted by another provider than its config says",
      { inUse: "passphrase", wanted: "awskms://alias/cybexp" },
      'cybexp:state.secretsProvider in Pulumi.prod.yaml is awskms://alias/cybexp, but the stack\'s secrets are encrypted by passphrase: run `STACK=prod npm run pulumi -- stack change-secrets-provider "awskms://alias/cybexp"`, or change the key back',
    ],
  ] satisfies [string, Partial<Custody>, string][]) {
    it(title, () => assert.equal(refusalOf(custody(changes)), refusal));
  }
});

describe("a stack is deployed", () => {
  for (const [title, changes] of [
    ["with a passphrase file outside of the repository", {}],
    ["with a passphrase in the environment", { passphrase: { from: "variable", empty: false } }],
    [
      "with a key service and no passphrase",
      { wanted: "awskms://alias/cybexp", passphrase: { from: "nowhere" } },
    ],
    [
      "with the key service that its file has, where the config names none",
      { inUse: "hashivault://cybexp", passphrase: { from: "nowhere" } },
    ],
    [
      "with Pulumi Cloud's keys",
      { backend: "https://api.pulumi.com", passphrase: { from: "nowhere" } },
    ],
    [
      "from the embedded state when it is no production stack",
      { backend: undefined, production: false, passphrase: { from: "nowhere" } },
    ],
    [
      "from the repository's folder when it is no production stack",
      {
        backend: "file:///clone/state",
        backendInside: true,
        production: false,
        passphrase: { ...outside, inside: true, tracked: true },
      },
    ],
    [
      "with an empty passphrase when it is no production stack",
      { production: false, passphrase: { from: "variable", empty: true } },
    ],
  ] satisfies [string, Partial<Custody>][]) {
    it(title, () => assert.equal(refusalOf(custody(changes)), undefined));
  }
});

describe("what encrypts a stack's secrets", () => {
  for (const [text, provider] of [
    ["config: {}\n", undefined],
    ["encryptionsalt: v1:x\nconfig: {}\n", "passphrase"],
    ["secretsprovider: passphrase\nencryptionsalt: v1:x\nconfig: {}\n", "passphrase"],
    ["secretsprovider: awskms://alias/a\nencryptedkey: x\nconfig: {}\n", "awskms://alias/a"],
    ['secretsprovider: ""\nconfig: {}\n', undefined],
  ] as const) {
    it(`is ${provider ?? "not told"} by ${JSON.stringify(text)}`, () => {
      assert.equal(providerInUse(text), provider);
    });
  }
});

describe("where a stack's state and passphrase are", () => {
  async function project(t: TestContext) {
    const copy = copyProject(t);
    const elsewhere = realpathSync(mkdtempSync(join(tmpdir(), "cybexp-unit-")));
    t.after(() => rmSync(elsewhere, { recursive: true }));
    writeFileSync(copy.file("Pulumi.prod.yaml"), "config:\n  cybexp:production: true\n");
    const { custodyOf } = await copy.load<typeof StateGuard>("stack/productionGuard.ts");
    const of = (env: NodeJS.ProcessEnv) => custodyOf("prod", true, env);
    const passphraseOf = (file: string) => of({ PULUMI_CONFIG_PASSPHRASE_FILE: file }).passphrase;
    const git = (folder: string, ...args: string[]) =>
      execFileSync("git", ["-C", folder, ...args], { stdio: "ignore" });
    return { copy, elsewhere, of, passphraseOf, git };
  }

  it("is seen in the environment as Pulumi sees it", async (t) => {
    const { of } = await project(t);
    assert.deepEqual(of({}).passphrase, { from: "nowhere" });
    assert.deepEqual(of({ PULUMI_CONFIG_PASSPHRASE_FILE: "" }).passphrase, { from: "nowhere" });
    assert.deepEqual(of({ PULUMI_CONFIG_PASSPHRASE: "" }).passphrase, {
      from: "variable",
      empty: true,
    });
    assert.deepEqual(
      of({ PULUMI_CONFIG_PASSPHRASE: "x", PULUMI_CONFIG_PASSPHRASE_FILE: "y" }).passphrase,
      { from: "variable", empty: false },
    );
  });

  it("is inside by its name, by the target of a link, and relative to the project", async (t) => {
    const { copy, elsewhere, passphraseOf } = await project(t);
    const inside = copy.file(".cybexp", "passphrase");
    writeFileSync(inside, "x");
    const target = join(elsewhere, "target");
    writeFileSync(target, "x");
    const out = copy.file("leads-out");
    symlinkSync(target, out);
    const into = join(elsewhere, "leads-in");
    symlinkSync(inside, into);
    for (const path of [inside, ".cybexp/passphrase", out, into, copy.file("..odd")]) {
      assert.partialDeepStrictEqual(passphraseOf(path), { from: "file", path, inside: true }, path);
    }
    for (const path of [target, `${copy.root}-beside`, join(copy.root, "..", "x")]) {
      assert.partialDeepStrictEqual(passphraseOf(path), { inside: false, tracked: false }, path);
    }
    assert.partialDeepStrictEqual(passphraseOf(target), { exists: true });
    assert.partialDeepStrictEqual(passphraseOf(join(elsewhere, "no", "such")), { exists: false });
  });

  it("is inside anywhere in the repository that has the project", async (t) => {
    const { copy, elsewhere, git } = await project(t);
    git(elsewhere, "init");
    mkdirSync(join(elsewhere, "deploy"));
    execFileSync("cp", ["-R", `${copy.root}/.`, join(elsewhere, "deploy")]);
    const file = join(elsewhere, "passphrase");
    writeFileSync(file, "x");
    const { custodyOf } = (await import(
      join(elsewhere, "deploy", "stack", "productionGuard.ts")
    )) as typeof StateGuard;
    const found = custodyOf("prod", true, { PULUMI_CONFIG_PASSPHRASE_FILE: file });
    assert.partialDeepStrictEqual(found.passphrase, { inside: true, tracked: false });
  });

  it("is tracked by any repository that has it", async (t) => {
    const { elsewhere, passphraseOf, git } = await project(t);
    const file = join(elsewhere, "passphrase");
    writeFileSync(file, "x");
    git(elsewhere, "init");
    assert.partialDeepStrictEqual(passphraseOf(file), { tracked: false });
    git(elsewhere, "add", "passphrase");
    assert.partialDeepStrictEqual(passphraseOf(file), { tracked: true, inside: false });
  });

  it("is a backend inside if that is a folder of the repository, existing or not", async (t) => {
    const { copy, elsewhere, of } = await project(t);
    const insideOf = (url: string) => of({ PULUMI_BACKEND_URL: url }).backendInside;
    assert.equal(insideOf(`file://${copy.file("state", "of", "prod")}?metadata=skip`), true);
    assert.equal(insideOf(`file://${copy.root}`), true);
    assert.equal(insideOf(`file://${elsewhere}`), false);
    assert.equal(insideOf("s3://bucket"), false);
  });
});
