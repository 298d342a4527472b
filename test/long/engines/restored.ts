/**
 * Restores a backup into an empty stack of a clone that has nothing of it, on the engine that DOCKER_HOST names,
 * and prints as JSON what is there then. A program of its own, since it may have to run in another network than the
 * tests.
 *
 * Its argument is a file with the stack's name, ports and config, and where the backup is.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Deployed } from "../../integration/deployed/deployed.ts";
import { checkStack } from "../../integration/deployed/checkStack.ts";
import * as kept from "../../integration/deployed/kept.ts";
import { type Ports, Project, type StackConfig } from "../../integration/project.ts";

/** What the first deployment leaves to the second. */
export interface Legacy {
  readonly stack: string;
  readonly ports: Ports;
  readonly config: StackConfig;
  readonly backup: string;
  readonly identity: string;
}

/** What the second one says. */
export interface Restored {
  readonly users: unknown;
  readonly token: string;
  readonly serverCa: string;
  readonly clientCa: string;
  readonly keys: Readonly<Record<string, string>>;
  readonly records: number;
  readonly login: number;
  readonly kmsKey: string;
  readonly output: string;
}

const host = process.env["DOCKER_HOST"];
assert.ok(host, "DOCKER_HOST is set");
const legacy = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Legacy;

const project = await Project.create(legacy.stack, legacy.ports);
try {
  project.writeConfig({ ...legacy.config, "docker:host": host });
  const deployed = new Deployed(project);
  const { code, output } = await deployed.npm(
    ...(["restore", legacy.backup, "--identity", legacy.identity] as const),
  );
  assert.equal(code, 0, output);
  await deployed.load();
  const restored: Restored = {
    users: deployed.outputs.users,
    token: deployed.token("collector"),
    serverCa: deployed.outputs.serverCa,
    clientCa: deployed.outputs.clientCa,
    keys: await kept.keys(deployed),
    records: await kept.count(deployed),
    login: await kept.login(deployed, "user0"),
    kmsKey: await deployed.kmsKey(),
    output,
  };
  process.stdout.write(`${JSON.stringify(restored)}\n`);
  await checkStack(deployed);
} finally {
  await project.remove();
}
