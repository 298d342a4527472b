/** Databases that are replaced again and again under load: every record that was taken is stored, and once. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { docker, freePorts, Project } from "../integration/project.ts";
import { judge, Shippers, storedIn, untilStored } from "../integration/shippers.ts";

const IMAGE = "cybexp-demo/mongo:1";
const TIMES = 20;

describe("a database that is replaced under load", { timeout: 3_000_000 }, () => {
  let project: Project;
  let port = 0;
  before(async () => {
    project = await Project.create();
    [port = 0] = await freePorts(1);
    project.configure((config) => {
      config["cybexp:collector"] = [
        {
          ...{ image: "cybexp-demo/collector:1", user: "collector", bind: `127.0.0.1:${port}` },
          policy: { default: { abe_pol: "research" }, index: { exact: [{ match: "id" }] } },
        },
      ];
    });
    await up();
  });
  after(async () => {
    await project.remove();
    docker("image", "rm", "--force", other());
  });

  const nameOf = (part: string) => `cybexp-${project.stack}-${part}`;
  const other = () => `cybexp-test/${project.stack}-mongo:2`;

  async function up(): Promise<void> {
    const { code, output } = await project.npm("up");
    assert.equal(code, 0, output);
  }

  it(`has each record once after ${TIMES} times, and its service is not left frozen`, async () => {
    execFileSync("docker", ["build", "--quiet", "--tag", other(), "-"], {
      input: `FROM ${IMAGE}\nLABEL build=2\n`,
      stdio: ["pipe", "ignore", "ignore"],
    });
    const shippers = new Shippers(port, "all", 20).start(10, "waits").start(2, "closes");
    for (let time = 0; time < TIMES; time++) {
      const before = docker("inspect", "--format={{.Id}}", nameOf("backend-db"));
      project.configure((config) => {
        config["cybexp:database"] = { image: time % 2 === 0 ? other() : IMAGE };
      });
      await up();
      assert.notEqual(docker("inspect", "--format={{.Id}}", nameOf("backend-db")), before);
    }
    await shippers.stop();
    await untilStored(project.stack, 300);
    assert.equal(shippers.failed, 0);
    assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
    for (const part of ["kms", "backend"]) {
      assert.equal(docker("inspect", "--format={{.State.Paused}}", nameOf(part)), "false");
    }
  });
});
