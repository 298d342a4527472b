/**
 * `up`s that fail, more of them in a row than releases are kept, and others in between at random: whatever
 * they left, each container that runs can be started again.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, before, describe, it, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { KEPT_RELEASES } from "../../render/releasePruning.ts";
import { ask } from "../../programs/smoke/probe.ts";
import { docker, Project } from "../integration/project.ts";

/** Which service gets another configuration, and whether its image is one that ends at once. */
interface Try {
  readonly service: "kms" | "backend";
  readonly good: boolean;
}

const IMAGES = { kms: "cybexp-demo/kms:1", backend: "cybexp-demo/backend:1" };
/** Of no use to a service: its program ends at once without a configuration of Nginx. */
const ENDS_AT_ONCE = "cybexp-demo/nginx:1";

const PATIENCE_SECONDS = 120;

describe("the containers of a stack whose `up`s fail", () => {
  let project: Project;
  before(async () => {
    project = await Project.create();
    const { code, output } = await project.npm("up");
    assert.equal(code, 0, output);
  });
  after(() => project.remove());

  const nameOf = (role: string) => `cybexp-${project.stack}-${role}`;
  const isHealthy = (role: string) =>
    docker("inspect", "--format={{.State.Health.Status}}", nameOf(role)) === "healthy";

  /** Every configuration is one that was never there. */
  function configure({ service, good }: Try, number: number): void {
    project.configure((config) => {
      const own = service === "kms" ? { ORE_KEY_LENGTH: 1000 + number } : { debug: number % 2 > 0 };
      Object.assign(config[`cybexp:${service}`] as object, {
        image: good ? IMAGES[service] : ENDS_AT_ONCE,
        config: own,
      });
    });
  }

  /** So that the next one does not fail over what this one left in the config. */
  function putBack({ service }: Try): void {
    project.configure((config) => {
      Object.assign(config[`cybexp:${service}`] as object, { image: IMAGES[service] });
    });
  }

  async function restartAll(): Promise<void> {
    for (const roles of [["kms-db", "backend-db"], ["kms", "backend"], ["proxy"]]) {
      docker("restart", "--time=5", ...roles.map(nameOf));
      const end = Date.now() + PATIENCE_SECONDS * 1000;
      while (!roles.every(isHealthy)) {
        assert.ok(Date.now() < end, `${roles.join(" and ")} do not come up`);
        await sleep(500);
      }
    }
  }

  async function assertServed(): Promise<void> {
    const outputs = (await project.outputs()) as {
      kmsUrl: string;
      backendUrl: string;
      serverCa: string;
      users: Record<string, { user: string; password: string }>;
    };
    const { collector } = outputs.users;
    assert.ok(collector);
    for (const url of [outputs.kmsUrl, outputs.backendUrl]) {
      const answer = await ask({ url: `${url}/`, ca: outputs.serverCa, credential: collector });
      assert.deepEqual([answer.status, answer.body.trim()], [200, "up"]);
    }
  }

  async function attempt(t: TestContext, each: Try, number: number): Promise<void> {
    configure(each, number);
    const { code, output } = await project.npm("up");
    t.diagnostic(`${number}: ${JSON.stringify(each)} ends with ${code}`);
    assert.equal(code === 0, each.good, output);
    if (!each.good) {
      assert.match(output, /does not start with its new image or configuration/);
      putBack(each);
    }
    await restartAll();
    await assertServed();
  }

  it("come up again after each of them", async (t) => {
    const seed = randomInt(2 ** 31);
    t.diagnostic(`seed ${seed}`);
    const one = fc.record({
      service: fc.constantFrom<Try["service"]>("kms", "backend"),
      good: fc.boolean(),
    });
    const [random = []] = fc.sample(fc.array(one, { minLength: 3, maxLength: 3 }), {
      seed,
      numRuns: 1,
    });
    const inARow = Array.from({ length: KEPT_RELEASES + 2 }, (): Try => ({
      service: "kms",
      good: false,
    }));
    for (const [number, each] of [
      ...inARow,
      { service: "kms", good: true } as const,
      ...random,
    ].entries()) {
      await attempt(t, each, number);
    }
    const { code, output } = await project.npm("doctor");
    t.diagnostic(output);
    assert.ok(code === 0 || /the last `up` did not finish/.test(output), output);
  });
});
