/** What of a state is put back into an empty stack. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { databasesOnly } from "../../stack/backup/emptyStack.ts";
import { type ClearState, externalIn, keptState, namesIn } from "../../stack/backup/keptState.ts";
import { newStackRefusal, placeRefusal } from "../../stack/backup/refusals.ts";

const urn = (types: string, name: string) => `urn:pulumi:prod::cybexp::${types}::${name}`;
const STACK = urn("pulumi:pulumi:Stack", "cybexp-prod");
const KMS = urn("cybexp:index:Kms", "kms");
const EMPTY = urn("cybexp:index:TlsProxy", "proxy");
const RANDOM = urn("pulumi:providers:random", "default_4");
const DOCKER = urn("pulumi:providers:docker", "default_5");
const COMMANDS = urn("pulumi:providers:command", "default_1");
const KEY = urn("cybexp:index:Kms$random:index/randomBytes:RandomBytes", "kms-jwt-key");
const OLD = urn("random:index/randomPassword:RandomPassword", "old");
const VOLUME = urn("docker:index/volume:Volume", "kms-secrets");
const GUARD = urn("command:local:Command", "rotation-guard");
const LISTS = urn("command:local:Command", "client-revocations");
const SMOKE = urn("command:local:Command", "smoke");

const command = (of: string, program: string, dependencies: string[] = []) => ({
  ...{
    urn: of,
    type: "command:local:Command",
    parent: STACK,
    provider: `${COMMANDS}::id`,
    dependencies,
  },
  inputs: { create: `node programs/${program}` },
});

const state: ClearState & { readonly version: number } = {
  version: 3,
  deployment: {
    secrets_providers: { type: "passphrase", state: { salt: "old" } },
    pending_operations: [{}],
    resources: [
      { urn: STACK, type: "pulumi:pulumi:Stack" },
      { urn: COMMANDS, type: "pulumi:providers:command" },
      { urn: DOCKER, type: "pulumi:providers:docker" },
      { urn: RANDOM, type: "pulumi:providers:random" },
      { urn: KMS, type: "cybexp:index:Kms", parent: STACK, dependencies: [VOLUME] },
      { urn: EMPTY, type: "cybexp:index:TlsProxy", parent: STACK },
      { urn: VOLUME, type: "docker:index/volume:Volume", parent: STACK, provider: `${DOCKER}::id` },
      {
        ...{ urn: KEY, type: "random:index/randomBytes:RandomBytes", parent: KMS },
        ...{ provider: `${RANDOM}::id`, dependencies: [VOLUME, GUARD] },
        propertyDependencies: { length: [VOLUME], keepers: null },
      },
      { urn: OLD, type: "random:index/randomPassword:RandomPassword", parent: STACK, delete: true },
      command(GUARD, "rotation/rotation-guard.ts"),
      command(LISTS, "certificates/crl.ts", [KEY, SMOKE]),
      command(SMOKE, "smoke/smoke.ts", [VOLUME]),
    ],
  },
};

describe("the state for an empty stack", () => {
  const kept = keptState(state, { type: "passphrase", state: { salt: "new" } });

  it("has passwords, keys and memories, and nothing of Docker", () => {
    assert.deepEqual(namesIn(kept), ["kms-jwt-key", "rotation-guard", "client-revocations"]);
    assert.deepEqual(
      kept.deployment?.resources?.map((each) => each.urn),
      [STACK, COMMANDS, RANDOM, KMS, KEY, GUARD, LISTS],
    );
  });

  it("mentions nothing that is not in it", () => {
    const dependencies = kept.deployment?.resources?.map((each) => each.dependencies);
    assert.deepEqual(dependencies, [undefined, undefined, undefined, [], [GUARD], [], [KEY]]);
    const key = kept.deployment?.resources?.find((each) => each.urn === KEY);
    assert.deepEqual(key?.propertyDependencies, { length: [], keepers: [] });
  });

  it("is encrypted as the empty stack's, with nothing under way", () => {
    assert.equal(kept.version, 3);
    assert.deepEqual(kept.deployment?.secrets_providers, {
      ...{ type: "passphrase", state: { salt: "new" } },
    });
    assert.deepEqual(kept.deployment.pending_operations, []);
  });

  it("goes only into a stack of the same name, since its authorities have that name", () => {
    const about = {
      ...{ format: 1 as const, stack: "prod", deployment: "53340cfc8ee94630" },
      created: "2026-11-28T03:39:56.000Z",
    };
    assert.equal(newStackRefusal(about, "prod", undefined), undefined);
    assert.equal(newStackRefusal(about, "prod", "prod"), undefined);
    const what =
      "it is a backup of prod (deployment 53340cfc8ee94630, 2026-11-28T03:39:56.000Z), and ";
    assert.equal(newStackRefusal(about, "prod", "dev"), `${what}--from-stack says dev`);
    assert.equal(
      newStackRefusal(about, "new", "prod"),
      `${what}new is not deployed: restore it as STACK=prod, or deploy new first, which then keeps its own passwords and tokens`,
    );
  });
});

describe("the state of a stack whose KMS has a database of the operator's own", () => {
  const REACH = urn("command:local:Command", "kms-db-reach");
  const told = { hosts: [], options: [], place: "old.example:27017/KMS_db", documents: 7 };
  const box = (value: unknown) => ({
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    plaintext: JSON.stringify(JSON.stringify(value)),
  });
  const reach = {
    ...command(REACH, "database/database-reach.ts", [VOLUME]),
    outputs: { stderr: "", stdout: box(told) },
  };
  const external: ClearState = {
    deployment: { resources: [...(state.deployment?.resources ?? []), reach] },
  };
  const kept = (places?: Parameters<typeof keptState>[2]) =>
    keptState(external, {}, places).deployment?.resources?.find((each) => each.urn === REACH);

  it("remembers where the data is put, and no documents", () => {
    const place = "new.example:27017/KMS_db";
    assert.deepEqual(kept({ kms: place }), {
      ...{ ...reach, dependencies: [] },
      outputs: { stderr: "", stdout: box({ ...told, place, documents: 0 }) },
    });
  });

  it("remembers what it did if the data stays where it is", () => {
    assert.deepEqual(kept(), { ...reach, dependencies: [] });
  });

  it("goes into a stack whose KMS has one, too", () => {
    assert.deepEqual(externalIn(JSON.stringify(external)), ["kms"]);
    assert.deepEqual(externalIn(JSON.stringify(state)), []);
    const place = "new.example:27017/KMS_db";
    assert.equal(placeRefusal(["kms"], { kms: place }), undefined);
    assert.equal(placeRefusal([], {}), undefined);
    assert.equal(
      placeRefusal(["kms"], {}),
      "the KMS had a database of your own, and cybexp:database.uri.kms names none: name one, restore, and move it afterwards (docs/external-database.md)",
    );
    assert.equal(
      placeRefusal([], { backend: place }),
      "the Backend had a database that the stack ran, and cybexp:database.uri.backend names one of your own: remove it, restore, and move it afterwards (docs/external-database.md)",
    );
  });
});

describe("the `up` before the records are loaded", () => {
  it("leaves out every container but the databases, and what depends on one", () => {
    assert.deepEqual(databasesOnly(), [
      ...[
        ...["kms", "backend", "kms-db-door", "kms-db-exit", "backend-db-door", "backend-db-exit"],
        ...["proxy", "kapow", "acme", "acme-challenge"],
        ...["collector", "collector-**", "collector-door", "collector-gate"],
      ].map((role) => `--exclude=**docker:index/container:Container::${role}`),
      "--exclude-dependents",
    ]);
  });
});
