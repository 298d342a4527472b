import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CONTAINER } from "../../names/types.ts";
import type { Session } from "../../stack/session.ts";
import { dropPending, interpretState, readState } from "../../stack/state.ts";

const urn = (type: string, name: string) => `urn:pulumi:dev::cybexp::${type}::${name}`;
const SECRET = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270" };

/** As `pulumi stack export` prints it, cut to what is one of each kind. */
const EXPORTED = {
  version: 3,
  deployment: {
    manifest: { time: "2026-01-02T03:04:05.678Z", magic: "m", version: "v3.256.0" },
    secrets_providers: { type: "passphrase", state: { salt: "v1:abc:v1:def" } },
    resources: [
      {
        urn: urn("pulumi:pulumi:Stack", "cybexp-dev"),
        custom: false,
        type: "pulumi:pulumi:Stack",
        outputs: { kmsUrl: "https://localhost:5002", users: { ...SECRET, ciphertext: "v1:x" } },
      },
      {
        urn: urn("pulumi:providers:docker", "default_5_2_0"),
        custom: true,
        id: "a-provider",
        type: "pulumi:providers:docker",
      },
      {
        urn: urn("random:index/randomId:RandomId", "deployment"),
        custom: true,
        id: "ASNFZ4mrze8",
        type: "random:index/randomId:RandomId",
        inputs: { byteLength: 8 },
        outputs: { byteLength: 8, hex: "0123456789abcdef" },
      },
      {
        urn: urn(
          "cybexp:index:Kms$cybexp:index:Service$cybexp:docker:Container$" + CONTAINER,
          "kms",
        ),
        custom: true,
        id: "c0ffee",
        type: CONTAINER,
        outputs: { id: "c0ffee", name: "cybexp-dev-kms" },
      },
      {
        // Its successor is being made: it is still there, and still ours.
        urn: urn(CONTAINER, "old"),
        custom: true,
        delete: true,
        id: "decaf0",
        type: CONTAINER,
      },
      {
        urn: urn("docker:index/network:Network", "kms-network"),
        custom: true,
        id: "beef",
        type: "docker:index/network:Network",
      },
      {
        urn: urn("docker:index/volume:Volume", "kms-secrets"),
        custom: true,
        id: "cybexp-dev-kms-secrets",
        type: "docker:index/volume:Volume",
      },
      {
        urn: urn("cybexp:docker:Container", "kms"),
        custom: false,
        type: "cybexp:docker:Container",
      },
    ],
    pending_operations: [
      { resource: { urn: urn(CONTAINER, "backend"), type: CONTAINER }, type: "creating" },
    ],
    metadata: {},
  },
};

describe("a stack's state", () => {
  it("tells the deployment, the known resources in Docker, and unfinished operations", () => {
    const state = interpretState(EXPORTED);
    assert.equal(state.deployment, "0123456789abcdef");
    assert.deepEqual(state.known, {
      container: new Set(["c0ffee", "decaf0"]),
      network: new Set(["beef"]),
      volume: new Set(["cybexp-dev-kms-secrets"]),
    });
    assert.equal(state.pending, 1);
    assert.equal(state.exported, EXPORTED);
  });

  for (const [what, exported] of Object.entries({
    "before the first update": { deployment: null },
    "after everything is gone": { deployment: {} },
    "of a stack of nothing": { deployment: { resources: [], pending_operations: [] } },
  })) {
    it(`knows nothing ${what}`, () => {
      const state = interpretState(exported);
      assert.equal(state.deployment, undefined);
      assert.deepEqual(state.known, {
        container: new Set(),
        network: new Set(),
        volume: new Set(),
      });
      assert.equal(state.pending, 0);
    });
  }

  it("has no deployment from another resource of that name or type, or before it has its id", () => {
    const type = "random:index/randomId:RandomId";
    const outputs = { hex: "0123456789abcdef" };
    for (const resource of [
      { urn: urn(type, "other"), type, outputs },
      { urn: urn(type, "my-deployment"), type, outputs },
      { urn: urn("random:index/randomPet:RandomPet", "deployment"), type, outputs },
      { urn: urn(type, "deployment"), type, outputs: {} },
      { urn: urn(type, "deployment"), type },
    ]) {
      const state = interpretState({ deployment: { resources: [resource] } });
      assert.equal(state.deployment, undefined);
    }
  });
});

describe("a session's state", () => {
  const session = (answers: Partial<Session>) => ({ stack: "dev", ...answers }) as Session;

  it("is read with the CLI, for the session's own stack", async () => {
    const asked: (readonly string[])[] = [];
    const state = await readState(
      session({
        ask: (args) => {
          asked.push(args);
          return Promise.resolve(JSON.stringify(EXPORTED));
        },
      }),
    );
    assert.deepEqual(asked, [["stack", "export", "--stack", "dev"]]);
    assert.deepEqual(state.exported, EXPORTED);
  });

  it("forgets unfinished operations, and nothing else", async () => {
    const told: unknown[] = [];
    await dropPending(
      session({
        tell: (args, document) => {
          told.push(args, document);
          return Promise.resolve("");
        },
      }),
      interpretState(EXPORTED),
    );
    assert.deepEqual(told, [
      ["stack", "import", "--stack", "dev", "--force"],
      { ...EXPORTED, deployment: { ...EXPORTED.deployment, pending_operations: [] } },
    ]);
  });
});
