/**
 * The life of one stack on the engine that DOCKER_HOST names: deployed, checked, removed. A program of
 * its own, since it may have to run in another network than the tests.
 */
import assert from "node:assert/strict";
import { checkStack } from "../../integration/deployed/checkStack.ts";
import { Deployed } from "../../integration/deployed/deployed.ts";
import { Project } from "../../integration/project.ts";

const host = process.env["DOCKER_HOST"];
assert.ok(host, "DOCKER_HOST is set");

const project = await Project.create();
try {
  project.configure((config) => {
    config["docker:host"] = host;
  });
  // For all that the project runs the stack's config must do: the rest of the world is a dead end.
  project.env = { DOCKER_HOST: "unix:///nobody/listens/here.sock" };
  const deployed = new Deployed(project);
  await deployed.up();
  await checkStack(deployed);
  const { "cybexp.deployment": id } = deployed.containers().kms.Config.Labels;
  process.stdout.write(`${project.stack}, deployment ${id}, lives on ${host}\n`);
  const { code, output } = await deployed.npm("down");
  assert.equal(code, 0, output);
  assert.deepEqual(project.leftovers(), []);
} finally {
  await project.remove();
}
process.stdout.write(`${project.stack} is gone\n`);
