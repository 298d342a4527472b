/** The policy pack in real previews and updates, without a Docker engine: nothing of it is made. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { policyFlags } from "../../stack/policyFlags.ts";
import { isAlive } from "../../machine/toolchain/lock.ts";
import { makeSandbox, type Sandbox } from "./sandbox.ts";
import { eventually, processTree } from "./processes.ts";

/** A container that breaks no rule of a single resource, its limit of processes, and a port. */
const program = (ip: string, more = "") => `
import { Container } from "@pulumi/docker";
import { local } from "@pulumi/command";
const kms = new Container("kms", {
  image: "sha256:${"a".repeat(64)}",
  name: "policy-test-kms",
  user: "1:1",
  ports: [{ internal: 5000, external: 5012, ip: "${ip}" }],
  healthcheck: { tests: ["CMD", "true"] },
  capabilities: { drops: ["ALL"] },
  securityOpts: ["no-new-privileges"],
  readOnly: true,
  memory: 64,
  restart: "unless-stopped",
});
new local.Command("kms-limits", {
  create: "node container-limits.ts",
  stdin: kms.id.apply((container) => JSON.stringify({ container, pidsLimit: 200 })),
});
${more}`;

const VIOLATION =
  /\[mandatory\] +loopback-ports +\(docker:index:Container: kms\)\n.*\n +it publishes its port 5000 to the network, at 0\.0\.0\.0 port 5012: set ip to 127\.0\.0\.1 or ::1/;

const flags = policyFlags("s").map((flag) =>
  flag.startsWith("--") ? flag : join(projectRoot, flag),
);

describe("the policy pack", () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await makeSandbox(program("127.0.0.1"));
    // Nobody answers there: a test that made a container would fail.
    process.env["DOCKER_HOST"] = `unix://${sandbox.folder}/none`;
  });
  after(() => {
    delete process.env["DOCKER_HOST"];
    sandbox.remove();
  });

  it("lets a preview pass that breaks no rule, with values that are not known yet", async () => {
    const { exitCode, text } = await sandbox.pulumi("preview", ...flags);
    assert.equal(exitCode, 0, text);
    assert.match(text, /Policies:\n\s+✅ docker-services@v/);
    assert.doesNotMatch(text, /can't run policy|advisory|mandatory/);
  });

  it("stops the preview of a program that publishes the KMS to the world", async () => {
    sandbox.write("index.ts", program("0.0.0.0"));
    const { exitCode, text } = await sandbox.pulumi("preview", ...flags);
    assert.equal(exitCode, 1, text);
    assert.match(text, VIOLATION);
    assert.equal(text.match(/\[mandatory\]/g)?.length, 1, text);
  });

  it("stops an update before it touches what breaks a rule", async () => {
    sandbox.write("index.ts", program("0.0.0.0"));
    const { exitCode, text } = await sandbox.pulumi("up", "--yes", "--skip-preview", ...flags);
    assert.equal(exitCode, 1, text);
    assert.match(text, VIOLATION);
    // The provider would have said that nobody answers.
    assert.doesNotMatch(text, /Docker (daemon|server)|dial unix/);
    assert.equal((await sandbox.state())["kms"], undefined);
  });

  it("stops an update before a container mounts a volume with data that is not protected", async () => {
    const mounting = program("127.0.0.1").replace(
      "capabilities:",
      'volumes: [{ volumeName: data.name, containerPath: "/data/db" }],\n  capabilities:',
    );
    const volume = (protect: boolean) =>
      `import { Volume } from "@pulumi/docker";\nconst data = new Volume("data", { name: "kms-data" }, { protect: ${protect} });\n`;
    sandbox.write("index.ts", volume(false) + mounting);
    const refused = await sandbox.pulumi("preview", ...flags);
    assert.equal(refused.exitCode, 1, refused.text);
    assert.match(
      refused.text,
      /\[mandatory\] +protected-data +\(docker:index:Container: kms\)\n.*\n +the volume data has the data of kms, at \/data\/db, and could be deleted: set protect: true/,
    );
    sandbox.write("index.ts", volume(true) + mounting);
    const passed = await sandbox.pulumi("preview", ...flags);
    assert.equal(passed.exitCode, 0, passed.text);
  });

  it("sees the files of a release through their secrecy, and never shows them", async () => {
    const nginx = "http { server { listen 80; location / { proxy_pass http://hush; } } }";
    const files = JSON.stringify({ "nginx.conf": { content: nginx } });
    const delivery = `
      import { secret } from "@pulumi/pulumi";
      new local.Command("delivery", { create: "true", stdin: secret(JSON.stringify({ files: ${files} })) });`;
    sandbox.write("index.ts", program("127.0.0.1", delivery));
    const { exitCode, text } = await sandbox.pulumi("preview", ...flags);
    assert.equal(exitCode, 1, text);
    assert.match(text, /\[mandatory\] +nginx-door +\(command:local:Command: delivery\)/);
    assert.match(text, /its Nginx lets everybody in: a server at 80 passes requests on from location \//);
    assert.match(text, /its Nginx speaks plain HTTP/);
    assert.doesNotMatch(text, /hush/);
  });

  it("works for another project, from the folders that docs/policies.md has copied", async () => {
    const page = readFileSync(join(projectRoot, "docs", "policies.md"), "utf8");
    const [, folders = ""] = /^cp -r (.+) \.\.\/other\/$/m.exec(page) ?? [];
    assert.equal(folders, "policy names");
    for (const folder of folders.split(" ")) {
      cpSync(join(projectRoot, folder), join(sandbox.folder, folder), { recursive: true });
    }
    sandbox.write("index.ts", program("0.0.0.0"));
    sandbox.write("settings.json", "{}");
    const { exitCode, text } = await sandbox.pulumi(
      ...["preview", "--policy-pack", "policy", "--policy-pack-config", "settings.json"],
    );
    assert.equal(exitCode, 1, text);
    // No setting says which command limits processes.
    assert.deepEqual(
      [...text.matchAll(/\[mandatory\] +(\S+)/g)].map(([, rule]) => rule),
      ["loopback-ports", "pids-limit"],
    );
  });

  it("leaves no process behind when the CLI is killed", async () => {
    const mark = join(sandbox.folder, "running");
    sandbox.write(
      "index.ts",
      `import { writeFileSync } from "node:fs"; writeFileSync("running", ""); setInterval(() => {}, 1000);`,
    );
    const preview = sandbox.start("preview", ...flags);
    await eventually("the program runs", () => existsSync(mark), 40);
    const everything = await processTree(preview.pid ?? assert.fail("the CLI did not start"));
    assert.ok(everything.length >= 4, "the CLI, the language host, the program and the policy pack");
    preview.kill("SIGKILL");
    await preview;
    await eventually("every process is gone", () => !everything.some(isAlive));
  });
});
