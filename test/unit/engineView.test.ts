/** What the engine has of a stack, and whether it is as an `up` left it. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { Docker, DockerError } from "../../programs/docker/docker.ts";
import { isAsLeft, rememberView } from "../../stack/engineView.ts";

type Thing = Record<string, unknown>;

const container = (changes: Thing = {}) => ({
  Id: "c0ffee",
  Name: "/cybexp-dev-kms",
  Image: "sha256:1",
  Config: { Env: ["LANG=C"], Labels: { "cybexp.stack": "dev" } },
  HostConfig: { Memory: 512, PidsLimit: 200 },
  Mounts: [{ Destination: "/config" }, { Destination: "/secrets" }],
  State: { Running: true, Paused: false, Restarting: false, StartedAt: "10:00", Health: "healthy" },
  NetworkSettings: {
    Networks: {
      kms: { NetworkID: "beef", Aliases: ["kms"], IPAMConfig: null, IPAddress: "10.0.0.2" },
    },
  },
  ...changes,
});

const known = {
  container: new Set(["c0ffee"]),
  network: new Set(["beef"]),
  volume: new Set(["cybexp-dev-kms-secrets"]),
};

describe("the engine's view of a stack", () => {
  let folder = "";
  let engine: Record<string, Thing> = {};

  /** Answers `inspect` of what there is, and fails like the engine for anything else. */
  const docker = Object.assign(new Docker(), {
    run: ([kind = "", , ...names]: readonly string[]) => {
      const found = names.map((name) => engine[`${kind} ${name}`]);
      return found.includes(undefined)
        ? Promise.reject(
            new DockerError([kind, "inspect"], {
              ...{ code: 1, stdout: "", all: "", bytes: Buffer.of(), timedOut: false },
              stderr: `No such ${kind}`,
            }),
          )
        : Promise.resolve(JSON.stringify(found));
    },
  });
  const session = { docker, stack: "dev" };
  const asLeft = (state = { known }) => isAsLeft(session, state, folder);

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "cybexp-view-"));
    engine = {
      "container c0ffee": container(),
      "network beef": { Id: "beef", Name: "kms", Containers: { c0ffee: {} } },
      "volume cybexp-dev-kms-secrets": { Name: "cybexp-dev-kms-secrets", Labels: {} },
    };
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it("is not as left before an `up` has left anything", async () => {
    assert.equal(await asLeft(), false);
  });

  it("is as left while nobody has changed anything, whatever the containers do", async () => {
    await rememberView(session, { known }, folder);
    assert.equal(await asLeft(), true);
    engine["container c0ffee"] = container({
      State: { Running: true, Paused: false, Restarting: false, StartedAt: "11:00", Health: "bad" },
      NetworkSettings: {
        Networks: {
          kms: { NetworkID: "beef", Aliases: ["kms"], IPAMConfig: null, IPAddress: "10.0.0.9" },
        },
      },
    });
    engine["network beef"] = { Id: "beef", Name: "kms", Containers: {} };
    assert.equal(await asLeft(), true);
    engine["container c0ffee"] = container({
      Mounts: [{ Destination: "/secrets" }, { Destination: "/config" }],
    });
    assert.equal(await asLeft(), true, "Docker gives mounts in any order");
    assert.equal(statSync(join(folder, "views", "dev")).mode & 0o777, 0o600);
  });

  for (const [what, change] of Object.entries<() => void>({
    "a stopped container": () =>
      (engine["container c0ffee"] = container({ State: { Running: false, Paused: false } })),
    "another limit": () =>
      (engine["container c0ffee"] = container({ HostConfig: { Memory: 256, PidsLimit: 200 } })),
    "another name": () => (engine["container c0ffee"] = container({ Name: "/kms" })),
    "a network that it left": () =>
      (engine["container c0ffee"] = container({ NetworkSettings: { Networks: {} } })),
    "a container that is gone": () => delete engine["container c0ffee"],
    "a network that is gone": () => delete engine["network beef"],
    "a volume of that name that is another one": () =>
      (engine["volume cybexp-dev-kms-secrets"] = { Name: "cybexp-dev-kms-secrets" }),
  })) {
    it(`is not as left after ${what}`, async () => {
      await rememberView(session, { known }, folder);
      change();
      assert.equal(await asLeft(), false);
    });
  }

  it("is not as left for a state with something else", async () => {
    await rememberView(session, { known }, folder);
    engine["container decaf0"] = container({ Id: "decaf0" });
    const container2 = new Set(["c0ffee", "decaf0"]);
    assert.equal(await asLeft({ known: { ...known, container: container2 } }), false);
    assert.equal(await asLeft({ known: { ...known, network: new Set() } }), false);
  });

  it("is never as left if something was missing when it was remembered", async () => {
    delete engine["network beef"];
    await rememberView(session, { known }, folder);
    assert.equal(await asLeft(), false);
  });

  it("is that of one stack", async () => {
    await rememberView(session, { known }, folder);
    assert.equal(await isAsLeft({ docker, stack: "prod" }, { known }, folder), false);
  });
});
