/**
 * The life of one stack on the engine that DOCKER_HOST names: deployed, checked, left as it is, rotated,
 * removed. A program of its own, since it may have to run in another network than the tests.
 */
import assert from "node:assert/strict";
import { checkStack } from "../../integration/deployed/checkStack.ts";
import { Deployed, ROLES, run } from "../../integration/deployed/deployed.ts";
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

  const runs = () => ROLES.map((role) => run(deployed.containers()[role]));
  const before = runs();
  const again = await deployed.up();
  assert.match(again.output, /^Nothing changed: /m);
  assert.deepEqual(runs(), before);

  // A password, the server's certificate and a database's password at once.
  const old = deployed.user("collector");
  const { serverCa } = deployed.outputs;
  project.configure((config) => {
    config["cybexp:users"] = [
      { name: "collector", generation: 2, retired: 1 },
      { name: "analyst" },
    ];
    config["cybexp:rotation"] = { serverCertificate: 2, backendDatabase: 2 };
  });
  await deployed.up();
  assert.notEqual(deployed.user("collector").password, old.password);
  assert.equal((await deployed.call("kms", "/", { credential: old })).status, 401);
  assert.equal(deployed.outputs.serverCa, serverCa);
  await checkStack(deployed);

  const doctor = await deployed.npm("doctor");
  assert.equal(doctor.code, 0, doctor.output);
  assert.doesNotMatch(doctor.output, /✖/);
  const { code, output } = await deployed.npm("down");
  assert.equal(code, 0, output);
  assert.deepEqual(project.leftovers(), []);
} finally {
  await project.remove();
}
process.stdout.write(`${project.stack} is gone\n`);
