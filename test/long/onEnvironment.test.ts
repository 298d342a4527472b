/** What a workflow runs on an environment whose engine is reached by ssh; needs OpenSSH's programs. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { projectRoot } from "../../machine/paths.ts";

const SCRIPT = join(projectRoot, ".github", "scripts", "on-environment.sh");

let home: string;
let key: string;
before(() => {
  home = mkdtempSync(join(tmpdir(), "cybexp-ssh-"));
  key = join(home, "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
  writeFileSync(join(home, "Pulumi.prod.yaml"), "");
});
after(() => rmSync(home, { recursive: true }));

function on(command: string, env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(SCRIPT, ["sh", "-c", command], {
    cwd: home,
    encoding: "utf8",
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: home,
      STACK: "prod",
      RUNNER_TEMP: home,
      PULUMI_BACKEND_URL: "s3://state",
      DOCKER_SSH_KEY: readFileSync(key, "utf8").trimEnd(),
      DOCKER_KNOWN_HOSTS: "host ssh-ed25519 AAAA\nhost ecdsa-sha2-nistp256 BBBB",
      ...env,
    },
  });
  return { code: status, stdout, stderr };
}

describe("a command on an environment whose engine is reached by ssh", () => {
  it("has the key in an agent that ends with the command, and in no variable", async () => {
    const [, fingerprint] = execFileSync("ssh-keygen", ["-lf", key], { encoding: "utf8" }).split(
      " ",
    );
    const { code, stdout, stderr } = on(
      'ssh-add -l | cut -d " " -f 2; echo "${DOCKER_SSH_KEY-unset}"; echo "$SSH_AUTH_SOCK"; exit 2',
    );
    const [found, variable, socket = ""] = stdout.split("\n");
    assert.deepEqual([code, stderr, found, variable], [2, "", fingerprint, "unset"]);
    assert.match(socket, /^\//);
    // The agent looks every ten seconds whether the command is still there.
    for (let waited = 0; existsSync(socket) && waited < 15; waited++) {
      await sleep(1000);
    }
    assert.ok(!existsSync(socket));
  });

  it("knows the host's keys, each once however often it runs", () => {
    for (let i = 0; i < 2; i++) {
      assert.deepEqual(on("true"), { code: 0, stdout: "", stderr: "" });
    }
    assert.equal(
      readFileSync(join(home, ".ssh", "known_hosts"), "utf8"),
      "host ssh-ed25519 AAAA\nhost ecdsa-sha2-nistp256 BBBB\n",
    );
    assert.equal(statSync(join(home, ".ssh")).mode & 0o777, 0o700);
  });

  it("is refused without them: anybody could be that host", () => {
    assert.deepEqual(on("true", { DOCKER_KNOWN_HOSTS: "" }), {
      code: 1,
      stdout: "",
      stderr:
        "error: DOCKER_KNOWN_HOSTS is not set: set it to the output of ssh-keyscan for the Docker host, after checking it\n",
    });
  });
});
