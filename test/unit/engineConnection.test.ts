import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { runChild } from "../../programs/docker/child.ts";
import { engineEnvironment, isLocal } from "../../programs/docker/engine.ts";
import { engineConnection, engineInput } from "../../settings/engineConnection.ts";

const FAR = { host: "tcp://far:2376" };
const tls = { ca: "the CA", certificate: "the certificate", privateKey: "the key" };

describe("how a program reaches an engine", () => {
  it("leaves it to the environment if no engine is given, but not to the current context", () => {
    const added = [
      { DOCKER_HOST: "ssh://a@b" },
      { DOCKER_CONTEXT: "far" },
      {},
      { DOCKER_HOST: "", DOCKER_CONTEXT: "" },
    ].map((env) => engineEnvironment(undefined, env));
    const pinned = { DOCKER_CONTEXT: "default" };
    assert.deepEqual(added, [{}, {}, pinned, pinned]);
  });

  it("takes an address, beside what else the environment says", () => {
    assert.deepEqual(engineEnvironment("ssh://a@b"), { DOCKER_HOST: "ssh://a@b" });
  });

  it("uses nothing of the environment's own engine beside a connection", async () => {
    const outer = {
      DOCKER_HOST: "tcp://other:1",
      DOCKER_CONTEXT: "other",
      DOCKER_TLS: "1",
      DOCKER_TLS_VERIFY: "1",
      DOCKER_CERT_PATH: "/elsewhere",
    };
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

  it("takes a folder with these files as it is", () => {
    const env = engineEnvironment({ host: "tcp://far:2376", certPath: "/etc/engine" });
    assert.deepEqual(
      [env["DOCKER_HOST"], env["DOCKER_TLS_VERIFY"], env["DOCKER_CERT_PATH"]],
      ["tcp://far:2376", "1", "/etc/engine"],
    );
  });

  it("leaves no such file behind when a signal ends it", async () => {
    const module = new URL("../../programs/docker/engine.ts", import.meta.url).href;
    const script = `import { engineEnvironment } from ${JSON.stringify(module)};
      console.log(engineEnvironment({ host: "tcp://far:1", tls: ${JSON.stringify(tls)} }).DOCKER_CERT_PATH);
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", script]);
    const [printed] = (await once(child.stdout, "data")) as [Buffer];
    const folder = printed.toString().trim();
    assert.equal(existsSync(join(folder, "key.pem")), true);
    child.kill();
    const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
    assert.deepEqual([code, signal, existsSync(folder)], [null, "SIGTERM", false]);
  });

  it("leaves no such file behind", async () => {
    const module = new URL("../../programs/docker/engine.ts", import.meta.url).href;
    const script = `import { engineEnvironment } from ${JSON.stringify(module)};
      console.log(engineEnvironment({ host: "tcp://far:2376", tls: ${JSON.stringify(tls)} }).DOCKER_CERT_PATH);`;
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

  it("still knows the operator's contexts beside logins of its own", () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-"));
    mkdirSync(join(folder, "contexts"));
    const own = process.env["DOCKER_CONFIG"];
    process.env["DOCKER_CONFIG"] = folder;
    try {
      const registries = [{ address: "registry.example.edu", username: "ann", password: "word" }];
      const env = engineEnvironment({ context: "far", registries });
      assert.equal(
        readlinkSync(join(env["DOCKER_CONFIG"] ?? "", "contexts")),
        join(folder, "contexts"),
      );
    } finally {
      restore("DOCKER_CONFIG", own);
      rmSync(folder, { recursive: true });
    }
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
      restore("PATH", path);
      rmSync(folder, { recursive: true });
    }
  });

  const refused: [string, unknown, RegExp][] = [
    ["neither host nor context", {}, /either `host`.* or `context`/],
    ["both of them", { host: "ssh://a@b", context: "far" }, /either `host`.* or `context`/],
    ["an address without a scheme", { host: "a.example.edu" }, /`host` is an address such as/],
    ["keys as text and as files", { ...FAR, tls, certPath: "/a" }, /either `tls`.* or `certPath`/],
    ["keys for a socket", { host: "unix:///a.sock", tls }, /begins with tcp:/],
    ["keys for a context", { context: "far", certPath: "/a" }, /begins with tcp:/],
    ["a folder without its whole path", { ...FAR, certPath: "keys" }, /begins with \//],
    ["ssh options for another address", { ...FAR, sshOptions: ["-v"] }, /begins with ssh:/],
    [
      "an ssh option of two lines",
      { host: "ssh://a@b", sshOptions: ["-o\nProxyCommand=x"] },
      /in one line/,
    ],
    ["keys that it doesn't know", { host: "ssh://a@b", user: "a" }, /user/],
  ];
  for (const [what, connection, words] of refused) {
    it(`refuses ${what}`, () => {
      assert.equal(engineInput.safeParse(connection).success, false);
      const { error } = engineConnection.safeParse(connection);
      assert.match(JSON.stringify(error?.issues), words);
    });
  }

  it("takes a connection of each kind, an address, and nothing", () => {
    const taken = [
      undefined,
      "ssh://a@b",
      { context: "far" },
      { host: "unix:///a.sock" },
      { ...FAR, tls },
      { ...FAR, certPath: "/etc/engine" },
      { host: "ssh://a@b:2222", sshOptions: ["-i", "/a/key"] },
    ].map((input) => engineInput.safeParse(input).success);
    assert.deepEqual(taken, [true, true, true, true, true, true, true]);
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
    ].map((engine) => isLocal(engine, {}));
    assert.deepEqual(judged, [true, true, false, false, true, false, false]);
  });

  it("looks at the environment for that only if no engine is given", () => {
    const far = { DOCKER_HOST: "ssh://a@b", DOCKER_CONTEXT: "far" };
    const socket = "unix:///a.sock";
    assert.deepEqual(
      [
        isLocal(undefined, { DOCKER_HOST: "ssh://a@b" }),
        isLocal(undefined, { DOCKER_CONTEXT: "far" }),
        isLocal(undefined, { DOCKER_CONTEXT: "default" }),
        isLocal(undefined, { DOCKER_HOST: socket, DOCKER_CONTEXT: "far" }),
        isLocal(socket, far),
        isLocal({ host: socket }, far),
      ],
      [false, false, true, true, true, true],
    );
  });
});

function restore(name: string, value: string | undefined): void {
  if (value === undefined) {
    Reflect.deleteProperty(process.env, name);
  } else {
    process.env[name] = value;
  }
}
