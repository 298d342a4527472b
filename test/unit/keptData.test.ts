import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMAND, VOLUME } from "../../names/types.ts";
import { requireKeptData, nothingKept, watchedIn } from "../../stack/keptData.ts";
import { warningOf } from "../../cli/down/down.ts";
import { type ExportedResource, interpretState } from "../../stack/state.ts";
import { readSettings } from "../../settings/read.ts";

const urn = (type: string, name: string) => `urn:pulumi:prod::cybexp::${type}::${name}`;

const settings = (throwaway = false) =>
  readSettings({
    stack: "prod",
    secretKeys: new Set(),
    values: {
      kms: {
        image: "kms:1",
        bind: "127.0.0.1:5012",
        listen: 5002,
        config: { DE_key_location: "/secrets/de" },
      },
      backend: { image: "backend:1", bind: "127.0.0.1:5011", listen: 5001 },
      database: { image: "mongo:8.0" },
      proxy: { image: "nginx:1.28", serverName: "localhost", address: "127.0.0.1" },
      users: [{ name: "ann" }],
      throwaway,
    },
  });

const volume = (part: string, stack = "prod"): ExportedResource => ({
  urn: urn(VOLUME, part),
  type: VOLUME,
  id: `cybexp-${stack}-${part}`,
  inputs: { name: `cybexp-${stack}-${part}` },
});
const record = {
  volume: "cybexp-old-kms-secrets",
  mark: "3f2a9c10b7d4",
  engine: { id: "E", name: "e" },
};
const recorded: ExportedResource = {
  urn: urn(`cybexp:index:KeptVolumes$${COMMAND}`, "kept-kms-secrets"),
  type: COMMAND,
  outputs: { stdout: JSON.stringify(record) },
};
const smoke: ExportedResource = { urn: urn(COMMAND, "smoke"), type: COMMAND };
const KEYS = ["de", "ORE_key.bin", "cpabe-mk.binary", "cpabe-pk.binary"];

const watched = (resources: readonly ExportedResource[], throwaway = false) =>
  watchedIn(interpretState({ deployment: { resources } }), "prod", settings(throwaway));

describe("the kept volumes of a state", () => {
  it("are none in a stack that has made none, or may throw them away", () => {
    assert.deepEqual(watched([]), []);
    assert.deepEqual(watched([volume("kms-secrets"), recorded], true), []);
  });

  it("are known by their records, under the names that the stack gives them now", () => {
    assert.deepEqual(watched([recorded, volume("kms-secrets", "old"), smoke]), [
      { part: "kms-secrets", volume: "cybexp-prod-kms-secrets", record, keys: true, needed: [] },
    ]);
  });

  it("are known before they are recorded, and with them the keys that a served stack must have", () => {
    const unserved = { part: "kms-secrets", volume: "cybexp-prod-kms-secrets", keys: true };
    assert.deepEqual(watched([volume("kms-secrets")]), [
      { ...unserved, record: undefined, needed: [] },
    ]);
    assert.deepEqual(watched([volume("kms-secrets"), volume("kms-db-data"), smoke]), [
      { ...unserved, record: undefined, needed: KEYS },
      {
        part: "kms-db-data",
        volume: "cybexp-prod-kms-db-data",
        record: undefined,
        keys: false,
        needed: [],
      },
    ]);
  });

  it("are known by their owner programs, if a refresh has dropped them from the state", () => {
    const owner: ExportedResource = { urn: urn(COMMAND, "backend-db-data-owner"), type: COMMAND };
    assert.deepEqual(
      watched([owner]).map(({ part }) => part),
      ["backend-db-data"],
    );
  });

  it("stop every run that would lose one, with all sentences", () => {
    requireKeptData(nothingKept);
    assert.throws(() => requireKeptData({ ...nothingKept, refused: ["a is gone", "b is gone"] }), {
      name: "UserError",
      message: "a is gone\n       b is gone",
    });
  });
});

describe("what `down` asks", () => {
  const all = ["kms-secrets", "kms-db-data", "backend-db-data"].map((part) => volume(part));

  it("is empty if there is no data", () => {
    assert.equal(warningOf("prod", false, [smoke, volume("kms-config")]), undefined);
  });

  it("names what is kept", () => {
    assert.equal(
      warningOf("prod", false, all),
      `The containers, networks and configuration of prod will be removed, and its services will stop.
These volumes will be kept, and the state keeps what opens them; the next \`STACK=prod npm run up\` uses them again:
  cybexp-prod-kms-secrets (the KMS's keys)
  cybexp-prod-kms-db-data (the KMS's accounts)
  cybexp-prod-backend-db-data (the Backend's records)
`,
    );
  });

  it("names what is removed for good", () => {
    assert.equal(
      warningOf("dev", true, all.slice(0, 1)),
      `dev is a throw-away stack. These volumes will be removed, with everything in them:
  cybexp-prod-kms-secrets (the KMS's keys)
`,
    );
  });
});
