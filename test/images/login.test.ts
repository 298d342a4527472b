/** Pulls from a registry that asks for a login, by the programs of an `up`. */
import assert from "node:assert/strict";
import { execa } from "execa";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { requireImage } from "../../programs/images/pull.ts";
import { REGISTRY_LOGIN, TestRegistry } from "./registry.ts";

const { user, password } = REGISTRY_LOGIN;
const LOGIN = Buffer.from(`${user}:${password}`).toString("base64");

describe("an image from a registry with a login", () => {
  let registry: TestRegistry;
  let folder: string;
  let image: string;

  before(async () => {
    registry = await TestRegistry.start({ login: true });
    folder = mkdtempSync(join(tmpdir(), "cybexp-login-"));
    image = `${registry.address}/team/kms:1`;
    const env = {
      DOCKER_CONFIG: config("pusher", { auths: { [registry.address]: { auth: LOGIN } } }),
    };
    await execa("docker", ["tag", "cybexp-demo/kms:1", image]);
    await execa("docker", ["push", image], { env });
  });
  after(async () => {
    await execa("docker", ["image", "rm", image], { reject: false });
    await registry.stop();
    rmSync(folder, { recursive: true });
  });

  /** A folder as in DOCKER_CONFIG. */
  function config(name: string, content: object): string {
    const path = join(folder, name);
    mkdirSync(path);
    writeFileSync(join(path, "config.json"), JSON.stringify(content));
    return path;
  }

  /** Runs the program as Pulumi does, with this DOCKER_CONFIG and nothing of the image on the engine. */
  async function pull(reference: string, env: NodeJS.ProcessEnv) {
    await execa("docker", ["image", "rm", image], { reject: false });
    const { exitCode, stderr } = await execa(process.execPath, ["programs/images/pull-image.ts"], {
      cwd: projectRoot,
      env,
      input: JSON.stringify({ image: reference }),
      reject: false,
    });
    return { code: exitCode, said: stderr };
  }

  it("is pulled with the login that docker login wrote down", async () => {
    const env = {
      DOCKER_CONFIG: config("plain", { auths: { [registry.address]: { auth: LOGIN } } }),
    };
    assert.deepEqual(await pull(image, env), { code: 0, said: "" });
    assert.ok(await new Docker().inspect("image", image));
  });

  it("is pulled with what a credential helper hands out", async () => {
    const bin = join(folder, "bin");
    mkdirSync(bin);
    const answer = JSON.stringify({
      ServerURL: registry.address,
      Username: user,
      Secret: password,
    });
    writeFileSync(
      join(bin, "docker-credential-test"),
      `#!/bin/sh\ncat >/dev/null\necho '${answer}'\n`,
    );
    chmodSync(join(bin, "docker-credential-test"), 0o755);
    const env = {
      DOCKER_CONFIG: config("helper", { credHelpers: { [registry.address]: "test" } }),
      PATH: [bin, process.env["PATH"]].join(delimiter),
    };
    assert.deepEqual(await pull(image, env), { code: 0, said: "" });
  });

  it("says that a login is needed if there is none", async () => {
    const env = { DOCKER_CONFIG: config("nobody", {}) };
    assert.deepEqual(await pull(image, env), {
      code: 1,
      said: `the image ${image} can't be pulled: ${registry.address} refuses access; log in with \`docker login ${registry.address}\` on this machine and as this user, or correct the image's name`,
    });
  });

  it("is reported as missing from the registry, also before anything is pulled", async () => {
    const env = {
      DOCKER_CONFIG: config("reader", { auths: { [registry.address]: { auth: LOGIN } } }),
    };
    const missing = `${registry.address}/team/kms:2`;
    const said = `the image ${missing} can't be pulled: ${registry.address} has no such image; check its name, tag and digest`;
    assert.deepEqual(await pull(missing, env), { code: 1, said });
    process.env["DOCKER_CONFIG"] = env.DOCKER_CONFIG;
    try {
      await assert.rejects(requireImage(new Docker(), missing), { message: said });
      await execa("docker", ["image", "rm", image], { reject: false });
      await requireImage(new Docker(), image);
      assert.equal(await new Docker().inspect("image", image), undefined);
    } finally {
      delete process.env["DOCKER_CONFIG"];
    }
  });

  it("says that a registry can't be reached", async () => {
    const env = { DOCKER_CONFIG: config("away", {}) };
    const { code, said } = await pull("127.0.0.1:1/team/kms:1", env);
    assert.equal(code, 1);
    assert.match(
      said,
      /^the image 127\.0\.0\.1:1\/team\/kms:1 can't be pulled: 127\.0\.0\.1:1 does not answer like a registry \(.*connection refused/,
    );
  });
});
