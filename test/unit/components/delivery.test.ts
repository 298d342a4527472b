/** What brings data and files to a container: programs, releases, data volumes, images. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { VOLUME } from "../../../names/types.ts";
import { DataVolume } from "../../../components/dataVolume.ts";
import { imageId } from "../../../components/image.ts";
import { Program } from "../../../components/program.ts";
import { PROGRAMS, type ProgramName, REVISIONS } from "../../../names/programs.ts";
import { Release, type ReleaseArgs } from "../../../components/release.ts";
import { releaseDigest } from "../../../render/release.ts";
import {
  build,
  COMMAND,
  deployment,
  OWNER,
  imageIdOf,
  labelsOf,
  names,
  recordOf,
  run,
  the,
  valueOf,
} from "./mocks.ts";

describe("a program", () => {
  it("gets its input on standard input alone, and runs again when that changes", async () => {
    const { resources } = await build(
      () =>
        new Program("p", { program: "smoke", input: { a: pulumi.output(1), b: undefined } }, {}),
    );
    assert.deepEqual(resources, [
      {
        type: COMMAND,
        name: "p",
        parent: undefined,
        inputs: { ...run("smoke"), environment: {}, stdin: { a: 1 } },
        secrets: [],
        options: {},
      },
    ]);
  });

  it("keeps an input with one secret in it secret as a whole, and what it prints, too", async () => {
    const built = await build(
      () =>
        new Program(
          "p",
          {
            program: "deliver",
            input: { open: 1, closed: pulumi.secret("s3cret") },
            because: { RELEASE: "1" },
          },
          {},
        ),
    );
    const { inputs, secrets } = the(built, COMMAND, "p");
    assert.deepEqual(secrets, ["stdin"]);
    assert.deepEqual(inputs, {
      ...run("deliver"),
      environment: { RELEASE: "1" },
      stdin: { open: 1, closed: "s3cret" },
    });
    assert.equal(await pulumi.isSecret(built.result.stdout), true);
  });

  it("gets what it printed last if it remembers, and may print more than failures", async () => {
    const built = await build(
      () => new Program("p", { program: "rotation-guard", input: {}, remembers: true }, {}),
    );
    assert.deepEqual(the(built, COMMAND, "p").inputs, {
      ...run("rotation-guard"),
      addPreviousOutputInEnv: true,
      logging: "stderr",
      environment: {},
      stdin: {},
    });
  });

  it("runs again in every stack when its revision is raised, and shows that", async () => {
    const revisions: Partial<Record<ProgramName, number>> = REVISIONS;
    revisions["rotation-guard"] = 2;
    try {
      const because = { MARK: "1" };
      const built = await build(
        () => new Program("p", { program: "rotation-guard", input: {}, because }, {}),
      );
      assert.deepEqual(the(built, COMMAND, "p").inputs["environment"], {
        MARK: "1",
        REVISION: "2",
      });
    } finally {
      delete revisions["rotation-guard"];
    }
  });

  it("are those in programs/", () => {
    const found = globSync("programs/*/*.ts").filter((file) =>
      /^await runProgram\b|^runProgram\b|^void runProgram\b/m.test(readFileSync(file, "utf8")),
    );
    assert.deepEqual(
      found.map((file) => file.replaceAll("\\", "/")).sort(),
      Object.values(PROGRAMS)
        .map((program) => `programs/${program}.ts`)
        .sort(),
    );
  });
});

describe("a release", () => {
  const files = { "config.yaml": { content: "key: value\n", mode: 0o400 } };
  const args = (): ReleaseArgs => ({
    deployment: deployment(),
    part: "kms-config",
    files: pulumi.secret(files),
    owner: "1:2",
    image: "sha256:1",
  });
  const digest = releaseDigest(files);

  it("is delivered into a volume of its own, under its content's digest", async () => {
    const { result, resources } = await build(() => new Release("r", args()));
    assert.deepEqual(resources, [
      {
        type: COMMAND,
        name: "r-delivery",
        parent: "r",
        inputs: {
          ...run("deliver"),
          environment: { RELEASE: digest },
          stdin: {
            volume: "cybexp-test-kms-config",
            ...OWNER,
            image: "sha256:1",
            owner: "1:2",
            digest,
            files,
          },
        },
        secrets: ["stdin"],
        options: {},
      },
      {
        type: "cybexp:docker:Release",
        name: "r",
        parent: undefined,
        inputs: {},
        secrets: [],
        options: {},
      },
      {
        type: VOLUME,
        name: "r",
        parent: "r",
        inputs: { name: "cybexp-test-kms-config", labels: labelsOf("kms-config") },
        secrets: [],
        options: {},
      },
    ]);
    assert.equal(await valueOf(result.mountableVolume), "cybexp-test-kms-config");
    assert.equal(await valueOf(result.digest), digest);
    assert.equal(
      await valueOf(result.hostFolder),
      `/volumes/cybexp-test-kms-config/_data/releases/${digest}`,
    );
  });

  it("hides its files and shows its digest", async () => {
    const { result } = await build(() => new Release("r", args()));
    assert.equal(await pulumi.isSecret(result.digest), false);
    assert.equal(await pulumi.isSecret(result.hostFolder), false);
    assert.equal(await pulumi.isSecret(result.mountableVolume), false);
  });

  it("takes a given digest, a given reload, and the engine", async () => {
    const reload = { container: "cybexp-test-proxy", statusPort: 8081 };
    const built = await build(
      () =>
        new Release("r", {
          ...args(),
          deployment: deployment({ engine: { connection: "ssh://a@b" } }),
          digest: pulumi.secret("f".repeat(32)),
          reload,
        }),
    );
    const { inputs } = the(built, COMMAND, "r-delivery");
    assert.deepEqual(inputs, {
      ...run("deliver"),
      environment: { RELEASE: "f".repeat(32) },
      stdin: {
        dockerHost: "ssh://a@b",
        volume: "cybexp-test-kms-config",
        ...OWNER,
        image: "sha256:1",
        owner: "1:2",
        digest: "f".repeat(32),
        files,
        reload,
      },
    });
    assert.equal(await pulumi.isSecret(built.result.digest), false);
  });
});

describe("a data volume", () => {
  const make = (throwaway: boolean) =>
    build(
      () =>
        new DataVolume("d", {
          deployment: deployment({ throwaway }),
          part: "kms-db-data",
          owner: "1:2",
          image: "sha256:1",
        }),
    );
  const volume = {
    type: VOLUME,
    name: "d",
    parent: "d",
    inputs: { name: "cybexp-test-kms-db-data", labels: labelsOf("kms-db-data") },
    secrets: [],
  };

  it("is protected, and kept when the stack is destroyed", async () => {
    const { result, resources } = await make(false);
    assert.deepEqual(names(resources).slice(0, 1), [`${COMMAND} d-kept-kms-db-data`]);
    assert.deepEqual(resources.slice(1), [
      {
        type: COMMAND,
        name: "d-owner",
        parent: "d",
        inputs: {
          ...run("volume"),
          environment: { MARK: recordOf("cybexp-test-kms-db-data").mark },
          stdin: {
            volume: "cybexp-test-kms-db-data",
            ...OWNER,
            image: "sha256:1",
            owner: "1:2",
          },
        },
        secrets: [],
        options: {},
      },
      {
        type: "cybexp:docker:DataVolume",
        name: "d",
        parent: undefined,
        inputs: {},
        secrets: [],
        options: {},
      },
      {
        type: "cybexp:index:KeptVolumes",
        name: "d-kept",
        parent: "d",
        inputs: {},
        secrets: [],
        options: {},
      },
      { ...volume, options: { protect: true, retainOnDelete: true } },
    ]);
    assert.equal(await valueOf(result.volumeName), "cybexp-test-kms-db-data");
  });

  it("is removed with a throw-away stack, which records nothing about it", async () => {
    const built = await make(true);
    assert.deepEqual(the(built, VOLUME, "d"), { ...volume, options: {} });
    assert.equal(built.resources.length, 3);
    assert.deepEqual(built.looks, []);
  });

  it("is not mounted before its owner is set", async () => {
    const { dependencies } = await build(() => {
      const { volumeName } = new DataVolume("d", {
        deployment: deployment(),
        part: "kms-db-data",
        owner: "1:2",
        image: "sha256:1",
      });
      return new Program("mount", { program: "smoke", input: { volumeName } }, {});
    });
    assert.deepEqual(dependencies.get(`${COMMAND} mount`), [`${COMMAND} d-owner`, `${VOLUME} d`]);
  });
});

describe("an image's id", () => {
  class Owner extends pulumi.ComponentResource {
    readonly id: pulumi.Output<string>;
    constructor(image: string) {
      super("cybexp:test:Owner", "owner", {});
      this.id = imageId("i", image, { parent: this });
    }
  }

  it("of a demo image is looked up, and the image never pulled", async () => {
    const { result, resources, lookups } = await build(() => new Owner("cybexp-demo/kms:1"));
    assert.deepEqual(names(resources), ["cybexp:test:Owner owner"]);
    assert.deepEqual(lookups, ["cybexp-demo/kms:1"]);
    assert.equal(await valueOf(result.id), imageIdOf("cybexp-demo/kms:1"));
  });

  it("of a registry's image is that of the pulled one, which stays on the engine", async () => {
    const { result, resources, lookups, dependencies } = await build(() => new Owner("mongo:8.0"));
    assert.deepEqual(resources[0]?.inputs, {
      ...run("pull-image"),
      environment: { IMAGE: "mongo:8.0" },
      stdin: { image: "mongo:8.0" },
    });
    assert.deepEqual(dependencies.get("docker:index/remoteImage:RemoteImage i"), [
      "command:local:Command i-pull",
    ]);
    assert.deepEqual(resources[2], {
      type: "docker:index/remoteImage:RemoteImage",
      name: "i",
      parent: "owner",
      inputs: { name: "mongo:8.0", keepLocally: true },
      secrets: [],
      options: {},
    });
    assert.equal(resources.length, 3);
    assert.deepEqual(lookups, []);
    assert.equal(await valueOf(result.id), imageIdOf("mongo:8.0"));
  });
});
