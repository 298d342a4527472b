/**
 * Runs before a service's container is replaced. Starts a stand-in with the new image and configuration
 * and, once it is healthy, lets the proxy send requests there. If it does not become healthy, the `up`
 * fails while the old container still serves.
 *
 * A stand-in that an earlier run left behind is removed only when something else serves in its place.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LABEL, ownLabels, STAND_IN } from "../../names/docker.ts";
import { standInHost } from "../../render/standIn.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { Door, find, handBack, placeSchema, planHandover, standInName } from "./door.ts";
import { runProgram } from "../program.ts";
import { type ContainerInfo, isServing, removeContainer, startStandIn } from "./standIn.ts";

/** How long the proxy's workers cache an address, plus a second for rounding. */
const ADDRESS_MS = 3000;

const input = placeSchema.extend({
  /** The network that the service shares with the proxy. */
  network: z.string(),
  /** The others that the new container joins. @default those of the old one */
  networks: z.array(z.string()).optional(),
  /** How long the new service may take to be healthy. */
  startSeconds: z.number().int().positive(),
  image: z.string(),
  /** Path in the container -> file on the engine. */
  files: z.record(z.string(), z.string()),
  /** The new container's health check. The old one's may call a program that the new image lacks. */
  healthCheck: z.array(z.string()),
  /** A digest of everything that would replace the container. The container has its own as a label. */
  signature: z.string(),
});
type Input = z.infer<typeof input>;

const limit = ({ startSeconds, drainSeconds }: Input) => startSeconds + 2 * drainSeconds + 60;

await runProgram(input, limit, async (input) => {
  const docker = new Docker(input.dockerHost);
  const door = new Door(docker, input);
  const [own, standIn, server] = await Promise.all([
    find(docker, input.container, input),
    find(docker, standInName(input), input),
    door.server(),
  ]);
  if (!own?.State.Running) {
    return; // Nothing serves that could be interrupted: the container is about to be created.
  }

  const plan = planHandover({
    isReplaced: signatureOf(own) !== input.signature,
    isHandedOver: server === "stand-in",
    // Irrelevant without a stand-in.
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
      return door.switchTo("stand-in");
    case "anew":
      await handBack(docker, input);
      if (server === "stand-in") {
        await sleep(ADDRESS_MS);
      }
      return handOver(docker, door, input, own);
  }
});

function signatureOf(container: ContainerInfo | undefined): string | undefined {
  return container?.Config.Labels?.[LABEL.signature];
}

async function handOver(docker: Docker, door: Door, input: Input, own: ContainerInfo) {
  const id = await start(docker, input, own);
  if (!(await door.canSwitch())) {
    // No proxy serves, so starting the stand-in was only a check.
    return removeContainer(docker, id);
  }
  if (!(await door.reaches("stand-in"))) {
    await removeContainer(docker, id);
    throw new UserError(
      `${input.proxy} does not reach ${standInName(input)}, the stand-in for ${input.container}: ` +
        `check that the proxy is still in the network ${input.network}`,
    );
  }
  await door.switchTo("stand-in");
}

async function start(docker: Docker, input: Input, own: ContainerInfo): Promise<string> {
  const { role, stack, deployment, network, image, files, healthCheck, signature } = input;
  const { networks = Object.keys(own.NetworkSettings.Networks) } = input;
  const labels = {
    ...ownLabels({ deployment, role: STAND_IN, stack }),
    [LABEL.signature]: signature,
  };
  const name = standInName(input);
  try {
    return await startStandIn(
      docker,
      own,
      { name, image, labels, network, networks, host: standInHost(role), files },
      healthCheck,
      input.startSeconds,
    );
  } catch (error) {
    if (error instanceof UserError) {
      throw new UserError(
        `the ${role} does not start with its new image or configuration, so the old one keeps serving: ${error.message}`,
      );
    }
    throw error;
  }
}
