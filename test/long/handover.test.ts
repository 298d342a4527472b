/**
 * KMS and Backend are replaced under load: a new token-signing key, a new configuration, one that
 * does not start, runs that are killed in the middle. No caller notices any of it.
 */
import assert from "node:assert/strict";
import { request } from "node:https";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { countRecords, Load, type LoadOptions } from "./load.ts";
import { processesIn } from "../integration/processes.ts";
import { docker, Project, type Result, type StackConfig } from "../integration/project.ts";

/** How long a run may take to come to a moment. */
const PATIENCE_SECONDS = 240;

describe("the replacement of a service", () => {
  let project: Project;
  let target: LoadOptions;
  before(async () => {
    project = await Project.create();
    const result = await project.npm("up");
    assert.equal(result.code, 0, result.output);
    const { serverCa, users } = (await project.outputs()) as {
      serverCa: string;
      users: Record<string, { user: string; password: string }>;
    };
    const { collector } = users;
    assert.ok(collector);
    target = {
      kms: project.ports.kms,
      backend: project.ports.backend,
      ca: serverCa,
      ...collector,
    };
  });
  after(() => project.remove());

  const nameOf = (role: string) => `cybexp-${project.stack}-${role}`;
  const idOf = (role: string) => docker("inspect", "--format={{.Id}}", nameOf(role));
  const ids = () => ({ proxy: idOf("proxy"), kms: idOf("kms"), backend: idOf("backend") });
  const names = () => docker("ps", "--all", "--format={{.Names}}").split("\n");
  const isThere = (role: string) => names().includes(nameOf(role));
  /** Who stands in for a service, and what the proxy has in its /tmp to say so. */
  const traces = () => [
    ...names().filter((name) => name.startsWith(nameOf("")) && name.endsWith("-handover")),
    ...docker("exec", nameOf("proxy"), "ls", "/tmp")
      .split("\n")
      .filter((file) => file.startsWith("handover-")),
  ];
  const isSwitched = (role: string) => traces().includes(`handover-${role}`);
  const changeBackend = (value: boolean) =>
    project.configure((config: StackConfig) => {
      Object.assign(config["cybexp:backend"] as object, { config: { debug: value } });
    });

  async function until(moment: () => boolean): Promise<void> {
    const deadline = Date.now() + PATIENCE_SECONDS * 1000;
    while (!moment()) {
      assert.ok(Date.now() < deadline, "the moment did not come");
      await sleep(50);
    }
  }

  /** Does the work under load; every request is answered, and every record stored, once. */
  async function underLoad<T>(t: TestContext, work: () => Promise<T>): Promise<T> {
    const stored = await countRecords(target);
    const load = new Load(target);
    await sleep(1000);
    const result = await work();
    await sleep(1000);
    const tally = await load.end();
    t.diagnostic(JSON.stringify(tally));
    assert.deepEqual(tally.failures, []);
    assert.deepEqual(tally.resets, []);
    assert.equal((await countRecords(target)) - stored, tally.acknowledged);
    assert.ok(tally.requests > 100, `${tally.requests} requests are no load`);
    return result;
  }

  async function up(): Promise<Result> {
    const result = await project.npm("up");
    assert.equal(result.code, 0, result.output);
    return result;
  }

  /** Starts `npm run up` and kills it, down to the last plugin, at a moment. */
  async function upKilledWhen(moment: () => boolean): Promise<void> {
    const child = project.start("up");
    child.stdout?.resume();
    child.stderr?.resume();
    await until(moment);
    for (const { pid } of processesIn(project.dir)) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await until(() => child.signalCode !== null || child.exitCode !== null);
  }

  /** A POST whose last bytes come when they are told to. */
  function slowPost(): { readonly finish: () => Promise<number> } {
    const outgoing = request({
      host: "127.0.0.1",
      servername: "localhost",
      port: target.backend,
      path: "/add/enc-data",
      method: "POST",
      headers: { Host: "localhost", "Content-Length": 1000 },
      ca: target.ca,
      auth: `${target.user}:${target.password}`,
      agent: false,
    });
    let sent = 0;
    // The proxy waits 30 s for the next byte.
    const timer = setInterval(() => {
      outgoing.write("x");
      sent++;
    }, 1000);
    const status = new Promise<number>((resolve, reject) => {
      outgoing.on("response", (response) => resolve(response.resume().statusCode ?? 0));
      outgoing.on("error", reject);
    });
    return {
      finish: () => {
        clearInterval(timer);
        outgoing.end("y".repeat(1000 - sent));
        return status;
      },
    };
  }

  it("fails no request when both get a new configuration at once", async (t) => {
    const then = ids();
    project.configure((config) => (config["cybexp:rotation"] = { kmsJwtKey: 2 }));
    changeBackend(true);
    await underLoad(t, up);
    const now = ids();
    assert.equal(now.proxy, then.proxy);
    assert.notEqual(now.kms, then.kms);
    assert.notEqual(now.backend, then.backend);
    assert.deepEqual(traces(), []);
    const preview = await project.npm("preview", "--expect-no-changes");
    assert.equal(preview.code, 0, preview.output);
  });

  it("waits for a request in progress", async () => {
    const old = idOf("backend");
    changeBackend(false);
    const running = up();
    await until(() => isThere("backend-handover"));
    const post = slowPost();
    await until(() => isSwitched("backend"));
    await sleep(5000);
    assert.equal(idOf("backend"), old);
    assert.equal(await post.finish(), 201);
    await running;
    assert.notEqual(idOf("backend"), old);
    assert.deepEqual(traces(), []);
  });

  it("does not begin if the new one does not start", async (t) => {
    const then = ids();
    const image = "cybexp-demo/backend:1";
    project.configure((config) =>
      Object.assign(config["cybexp:backend"] as object, { image: "cybexp-demo/nginx:1" }),
    );
    const result = await underLoad(t, () => project.npm("up"));
    assert.notEqual(result.code, 0);
    assert.match(
      result.output,
      /the backend does not start with its new image or configuration, so the old one keeps serving: it ends at once \(exit code 1\); its log ends with: .*nginx/,
    );
    assert.deepEqual(ids(), then);
    assert.deepEqual(traces(), []);

    project.configure((config) => Object.assign(config["cybexp:backend"] as object, { image }));
    await up();
    assert.deepEqual(ids(), then);
  });

  it("fails no request when the run is killed, again and again", async (t) => {
    const then = ids();
    changeBackend(true);
    await underLoad(t, async () => {
      await upKilledWhen(() => isThere("backend-handover"));
      await upKilledWhen(() => isSwitched("backend"));
      await upKilledWhen(() => !isThere("backend"));
      await up();
    });
    const now = ids();
    assert.equal(now.kms, then.kms);
    assert.equal(now.proxy, then.proxy);
    assert.notEqual(now.backend, then.backend);
    assert.deepEqual(traces(), []);
    const preview = await project.npm("preview", "--expect-no-changes");
    assert.equal(preview.code, 0, preview.output);
  });

  it("is undone when the run is killed and the change taken back", async (t) => {
    const then = ids();
    await underLoad(t, async () => {
      changeBackend(false);
      await upKilledWhen(() => isSwitched("backend"));
      changeBackend(true);
      await up();
    });
    assert.deepEqual(ids(), then);
    assert.deepEqual(traces(), []);
  });

  it("leaves nothing behind when the stack is removed in the middle of it", async () => {
    changeBackend(false);
    await upKilledWhen(() => isSwitched("backend"));
    const result = await project.npm("down");
    assert.equal(result.code, 0, result.output);
    assert.deepEqual(project.leftovers(), []);
  });
});
