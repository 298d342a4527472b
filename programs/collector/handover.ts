/**
 * Runs before a collector's container is created or replaced.
 *
 * 1. It calls the KMS and the Backend as the collector will, and fails with the cause if they don't let it in.
 * 2. If the container is replaced, it starts a stand-in with the new image and configuration. If that doesn't
 *    become healthy, the `up` fails while the old one goes on.
 * 3. It lets the gate send new records to the stand-in, and waits until the old one has stored its own.
 */
import { z } from "zod";
import { LABEL, ownLabels, STAND_IN } from "../../names/docker.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { find, planHandover } from "../replacement/door.ts";
import { type ContainerInfo, isServing, startStandIn } from "../replacement/standIn.ts";
import { accessSchema, checkAccess } from "./access.ts";
import { Gate, endStandIn, handBack, placeSchema, STAND_IN_HOST, standInName } from "./door.ts";

const input = placeSchema.extend({
  /** The network that it shares with its gate. */
  network: z.string(),
  /** How long it may take to be healthy. */
  startSeconds: z.number().int().positive(),
  image: z.string(),
  owner: z.string(),
  /** Path in the container -> file on the engine. */
  files: z.record(z.string(), z.string()),
  healthCheck: z.array(z.string()),
  /** A digest of everything that would replace the container. The container has its own as a label. */
  signature: z.string(),
  access: accessSchema,
});
type Input = z.infer<typeof input>;

const limit = ({ startSeconds, drainSeconds }: Input) => startSeconds + 3 * drainSeconds + 300;

await runProgram(input, limit, async (input) => {
  const docker = new Docker(input.dockerHost);
  await checkAccess(docker, input.container, { ...input, files: hostsOf(input) });

  const [own, standIn] = await Promise.all([
    find(docker, input.container, input),
    find(docker, standInName(input), input),
  ]);
  const gate = new Gate(docker, input);
  const server = await gate.server();
  if (!own?.State.Running || server === undefined) {
    return; // Nothing takes records that could be interrupted.
  }
  const plan = planHandover({
    isReplaced: signatureOf(own) !== input.signature,
    isHandedOver: server === "stand-in",
    isHealthy: standIn !== undefined && (await isServing(docker, own)),
    standIn: {
      isRight: signatureOf(standIn) === input.signature,
      isHealthy: await isServing(docker, standIn, input.healthCheck),
    },
  });
  switch (plan) {
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

function signatureOf(container: ContainerInfo | undefined): string | undefined {
  return container?.Config.Labels?.[LABEL.signature];
}

async function start(docker: Docker, input: Input, own: ContainerInfo): Promise<void> {
  const { stack, deployment, network, image, files, healthCheck, signature } = input;
  const name = standInName(input);
  const labels = {
    ...ownLabels({ deployment, role: STAND_IN, stack }),
    [LABEL.signature]: signature,
  };
  // One that was stopped while it started, by a run that was killed.
  await endStandIn(docker, input);
  try {
    await startStandIn(
      docker,
      own,
      { name, image, labels, network, networks: [], host: STAND_IN_HOST, files },
      healthCheck,
      input.startSeconds,
    );
  } catch (error) {
    if (error instanceof UserError) {
      throw new UserError(
        `${input.container} does not start with its new image or configuration, so the old one goes on: ${error.message}`,
      );
    }
    throw error;
  }
}
