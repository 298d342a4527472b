/** No command of ours leaves a process behind in a container, however often it is run. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { assertNoMore, containerProcesses } from "../integration/containerProcesses.ts";
import { Project } from "../integration/project.ts";

const DOCTORS = 50;
const ROTATIONS = 20;

describe("a stack whose operator looks at it and rotates it all the time", () => {
  let project: Project;
  let first: Record<string, string[]>;
  const run = async (command: string) => {
    const { code, output } = await project.npm(command);
    assert.equal(code, 0, output);
  };

  before(async () => {
    project = await Project.create();
    await run("up");
    first = await containerProcesses(project);
  });
  after(() => project.remove());

  it("has known processes in five containers, and no zombie", () => {
    assert.deepEqual(Object.keys(first).sort(), [
      "backend",
      "backend-db",
      "kms",
      "kms-db",
      "proxy",
    ]);
    assert.doesNotMatch(JSON.stringify(first), /zombie/);
  });

  it(`has the same ones after ${DOCTORS} doctors`, async () => {
    for (let time = 0; time < DOCTORS; time++) {
      await run("doctor");
    }
    await assertNoMore(project, first);
  });

  it(`has the same ones after ${ROTATIONS} rotations of both databases and the certificate`, async () => {
    for (let number = 2; number < ROTATIONS + 2; number++) {
      project.configure((config) => {
        config["cybexp:rotation"] = {
          kmsDatabase: number,
          backendDatabase: number,
          serverCertificate: number,
        };
      });
      await run("up");
    }
    await assertNoMore(project, first);
  });
});
