/**
 * Runs before a collector's container is created or replaced.
 *
 * 1. It calls the KMS and the Backend as the collector will, and fails with the cause if they don't let it in.
 * 2. If the container is replaced, it starts a stand-in with the new image and configuration. If that doesn't
 *    become healthy, the `up` fails while the old one goes on.
 * 3. It lets the gate send new records to the stand-in, and waits until the old one has stored its own.
 */
import { z } from "zod";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import type { ContainerInfo } from "../replacement/standIn.ts";
import { bothOf, planFor, startSuccessor, successor } from "../replacement/succession.ts";
import { accessSchema, checkAccess } from "./access.ts";
import { Gate, endStandIn, handBack, placeSchema, STAND_IN_HOST } from "./door.ts";

const input = placeSchema.extend({
  ...successor,
  owner: z.string(),
  access: accessSchema,
});
type Input = z.infer<typeof input>;

const limit = ({ startSeconds, drainSeconds }: Input) => startSeconds + 3 * drainSeconds + 300;

await runProgram(input, limit, async (input) => {
  const docker = new Docker(input.dockerHost);
  await checkAccess(docker, input.container, { ...input, files: hostsOf(input) });

  const containers = await bothOf(docker, input);
  const { own } = containers;
  const gate = new Gate(docker, input);
  const server = await gate.server();
  if (!own?.State.Running || server === undefined) {
    return; // Nothing takes records that could be interrupted.
  }
  switch (await planFor(docker, containers, server, input)) {
    case "leave":
      return;
    case "hand back":
      return handBack(docker, input);
    case "switch":
      return gate.switchTo("stand-in");
    case "anew":
      await handBack(docker, input);
      await start(docker, input, own);
      return gate.switchTo("stand-in");
  }
});

/** The names that it resolves without asking anyone. */
function hostsOf({ files }: Input): Record<string, string> {
  const hosts = files["/etc/hosts"];
  return hosts === undefined ? {} : { "/etc/hosts": hosts };
}

async function start(docker: Docker, input: Input, own: ContainerInfo): Promise<void> {
  // One that was stopped while it started, by a run that was killed.
  await endStandIn(docker, input);
  await startSuccessor(docker, own, input, {
    networks: [],
    host: STAND_IN_HOST,
    refusal: `${input.container} does not start with its new image or configuration, so the old one goes on`,
  });
}
