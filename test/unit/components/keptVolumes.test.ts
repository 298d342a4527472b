/** What watches over volumes that can't be made again. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { DataVolume } from "../../../components/dataVolume.ts";
import { KeptVolumes, keepVolumes } from "../../../components/keptVolumes.ts";
import {
  build,
  COMMAND,
  deployment,
  OWNER,
  names,
  recordOf,
  run,
  the,
  valueOf,
  type World,
} from "./mocks.ts";

const RECORDED = ["create", "update", "stdin", "environment", "logging"];

const make = (lost: string[] = [], world: World = {}) =>
  build(
    () =>
      new KeptVolumes("kept", {
        deployment: deployment({ engine: { connection: "ssh://a@b" } }),
        parts: ["kms-secrets", "kms-db-data"],
        lost,
        first: true,
      }),
    world,
  );

describe("the watch over kept volumes", () => {
  it("remembers each volume by a program that never runs again by itself", async () => {
    const built = await make();
    assert.deepEqual(the(built, COMMAND, "kept-kms-secrets"), {
      type: COMMAND,
      name: "kept-kms-secrets",
      parent: "kept",
      inputs: {
        ...run("keep-volume"),
        addPreviousOutputInEnv: true,
        logging: "stderr",
        environment: {},
        stdin: {
          dockerHost: "ssh://a@b",
          stack: "test",
          ...OWNER,
          lost: [],
          part: "kms-secrets",
          volume: "cybexp-test-kms-secrets",
          keys: true,
          first: true,
          roles: ["kms-secrets", "kms-db-data"],
        },
      },
      secrets: [],
      options: { ignoreChanges: RECORDED },
    });
    assert.deepEqual(names(built.resources), [
      `${COMMAND} kept-kms-db-data`,
      `${COMMAND} kept-kms-secrets`,
      "cybexp:index:KeptVolumes kept",
    ]);
  });

  it("runs only the program of a volume that the operator has given up again", async () => {
    const built = await make(["kms-secrets@3f2a9c10b7d4"]);
    assert.deepEqual(the(built, COMMAND, "kept-kms-secrets").options, {});
    assert.deepEqual(the(built, COMMAND, "kept-kms-db-data").options, { ignoreChanges: RECORDED });
  });

  it("looks at all volumes at once, with what the state remembers of them", async () => {
    const volume = (part: string, keys: boolean) => ({
      part,
      volume: `cybexp-test-${part}`,
      keys,
      record: recordOf(`cybexp-test-${part}`),
    });
    assert.deepEqual((await make()).looks, [
      {
        program: "check-kept",
        input: {
          dockerHost: "ssh://a@b",
          stack: "test",
          ...OWNER,
          lost: [],
          volumes: [volume("kms-secrets", true), volume("kms-db-data", false)],
        },
      },
    ]);
  });

  it("does not look if nothing is recorded yet: in the preview of a new stack", async () => {
    const { looks, result } = await make([], { preview: true });
    assert.deepEqual(looks, []);
    await result.checked();
  });

  it("keeps dependent values known in a preview, and unknown until the check in an up", async () => {
    const known = async (world: World) => {
      const built = await make([], world);
      return valueOf(built.result.after("id"));
    };
    assert.equal(await known({ preview: true }), "id");
    assert.equal(await known({}), "id");
  });

  it("refuses with a sentence for each volume, without a trace", async () => {
    const built = await build(
      async () => {
        const kept = new KeptVolumes("kept", { deployment: deployment(), parts: ["kms-secrets"] });
        return kept.checked().catch((error: unknown) => error as Error);
      },
      { found: { refused: ["a is gone", "b is gone"], idle: [] } },
    );
    assert.ok(pulumi.RunError.isInstance(built.result));
    assert.equal(built.result.message, "a is gone\nb is gone");
    assert.equal(built.result.stack, undefined);
  });

  it("is one for all volumes of a stack, and the volume depends on it", async () => {
    const built = await build(async () => {
      const kept = await keepVolumes("kept", deployment(), {
        ...{ lost: [], database: { publish: {} }, throwaway: false },
      });
      return new DataVolume("d", {
        ...{ deployment: deployment({ kept }), part: "kms-secrets" },
        ...{ owner: "1:2", image: "sha256:1" },
      });
    });
    assert.deepEqual(
      names(built.resources).filter((name) => name.includes("KeptVolumes")),
      ["cybexp:index:KeptVolumes kept"],
    );
    assert.deepEqual(
      built.dependencies.get("docker:index/volume:Volume d"),
      ["backend-db-data", "kms-db-data", "kms-secrets"].map((part) => `${COMMAND} kept-${part}`),
    );
  });

  it("is not there for a throw-away stack", async () => {
    const { result, resources } = await build(() =>
      keepVolumes("kept", deployment(), { lost: [], database: { publish: {} }, throwaway: true }),
    );
    assert.equal(result, undefined);
    assert.deepEqual(resources, []);
  });
});
