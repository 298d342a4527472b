import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runChild } from "../../programs/docker/child.ts";
import { engineEnvironment, engineInput, isLocal } from "../../programs/docker/engine.ts";

const tls = { ca: "the CA", certificate: "the certificate", privateKey: "the key" };

describe("how a program reaches an engine", () => {
  it("leaves the environment alone if no engine is given", () => {
    assert.deepEqual(engineEnvironment(undefined), {});
  });

  it("takes an address, beside what else the environment says", () => {
    assert.deepEqual(engineEnvironment("ssh://a@b"), { DOCKER_HOST: "ssh://a@b" });
  });

  it("uses nothing of the environment's own engine beside a connection", async () => {
    const outer = { DOCKER_HOST: "tcp://other:1", DOCKER_TLS_VERIFY: "1", DOCKER_CONTEXT: "other" };
    const { stdout } = await runChild("env", [], {
      env: { ...outer, ...engineEnvironment({ host: "unix:///a.sock" }) },
      timeoutMs: 10_000,
    });
    const seen = stdout.split("\n").filter((line) => line.startsWith("DOCKER_"));
    assert.deepEqual(seen, ["DOCKER_HOST=unix:///a.sock"]);
  });

  it("names a context in place of a host", () => {
    const { DOCKER_HOST, DOCKER_CONTEXT } = engineEnvironment({ context: "far" });
    assert.deepEqual([DOCKER_HOST, DOCKER_CONTEXT], [undefined, "far"]);
  });

  it("puts key and certificates into files that only this user can read", () => {
    const env = engineEnvironment({ host: "tcp://far:2376", tls });
    const folder = env["DOCKER_CERT_PATH"] ?? "";
    assert.equal(env["DOCKER_TLS_VERIFY"], "1");
    assert.equal(statSync(folder).mode & 0o777, 0o700);
    assert.deepEqual(
      ["ca.pem", "cert.pem", "key.pem"].map((name) => [
        readFileSync(join(folder, name), "utf8"),
        statSync(join(folder, name)).mode & 0o777,
      ]),
      [
        ["the CA", 0o600],
        ["the certificate", 0o600],
        ["the key", 0o600],
      ],
    );
  });

  it("leaves no such file behind", async () => {
    const module = new URL("../../programs/docker/engine.ts", import.meta.url).href;
    const script = `import { engineEnvironment } from ${JSON.stringify(module)};
      console.log(engineEnvironment({ tls: ${JSON.stringify(tls)} }).DOCKER_CERT_PATH);`;
    const { stdout, code } = await runChild(
      process.execPath,
      ["--input-type=module", "--eval", script],
      { timeoutMs: 20_000 },
    );
    assert.deepEqual([code, /cybexp-engine-/.test(stdout), existsSync(stdout)], [0, true, false]);
  });

  it("logs in to registries by a file of its own", () => {
    const env = engineEnvironment({
      host: "unix:///a.sock",
      registries: [{ address: "registry.example.edu", username: "ann", password: "pass:word" }],
    });
    const path = join(env["DOCKER_CONFIG"] ?? "", "config.json");
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), {
      auths: { "registry.example.edu": { auth: "YW5uOnBhc3M6d29yZA==" } },
    });
  });

  it("gives the operator's own ssh the options, as they are", async () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-"));
    const ssh = join(folder, "ssh");
    writeFileSync(ssh, '#!/bin/sh\nfor argument; do echo "<$argument>"; done\n');
    chmodSync(ssh, 0o755);
    const path = process.env["PATH"];
    process.env["PATH"] = `${folder}:${path}`;
    try {
      const sshOptions = ["-o", "ProxyJump=ann@hop", "-i", "/keys/it's *", "-o", "X=$HOME"];
      const { stdout } = await runChild("ssh", ["far", "docker system dial-stdio"], {
        env: engineEnvironment({ host: "ssh://far", sshOptions }),
        timeoutMs: 10_000,
      });
      assert.deepEqual(stdout.split("\n"), [
        ...sshOptions.map((option) => `<${option}>`),
        "<far>",
        "<docker system dial-stdio>",
      ]);
    } finally {
      process.env["PATH"] = path;
    }
  });

  it("refuses an ssh option of two lines, and keys that it doesn't know", () => {
    assert.equal(engineInput.safeParse({ sshOptions: ["-o\nProxyCommand=x"] }).success, false);
    assert.equal(engineInput.safeParse({ hosts: "a" }).success, false);
  });

  it("knows which engines are on this machine", () => {
    const judged = [
      undefined,
      "unix:///var/run/docker.sock",
      "ssh://a@b",
      "tcp://127.0.0.1:2375",
      { host: "unix:///a.sock" },
      { host: "ssh://a@b" },
      { context: "far" },
      {},
    ].map((engine) => isLocal(engine, {}));
    assert.deepEqual(judged, [true, true, false, false, true, false, false, true]);
    assert.equal(isLocal(undefined, { DOCKER_HOST: "ssh://a@b" }), false);
    assert.equal(isLocal({ host: "unix:///a.sock" }, { DOCKER_HOST: "ssh://a@b" }), true);
  });
});
