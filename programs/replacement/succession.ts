/** What the programs that replace a service's or a collector's container share: how a stand-in takes its place. */
import { z } from "zod";
import { labelNames, ownLabels, STAND_IN } from "../../names/docker.ts";
import type { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { find, type Place, planHandover, type Server, standInName } from "./door.ts";
import { type ContainerInfo, isServing, type StandInChanges, startStandIn } from "./standIn.ts";

/** The new container, as its stand-in has to be. */
export const successor = {
  /** The network that it shares with whoever calls it. */
  network: z.string(),
  /** How long it may take to be healthy. */
  startSeconds: z.number().int().positive(),
  image: z.string(),
  /** Path in the container -> file on the engine. */
  files: z.record(z.string(), z.string()),
  /** Its health check. The old one's may call a program that the new image lacks. */
  healthCheck: z.array(z.string()),
  /** A digest of everything that would replace the container. The container has its own as a label. */
  signature: z.string(),
};
type Successor = z.infer<z.ZodObject<typeof successor>>;

/** A container that may have a stand-in. */
type Replaced = Pick<Place, "stack" | "deployment" | "labels" | "container">;

interface Both {
  readonly own: ContainerInfo | undefined;
  readonly standIn: ContainerInfo | undefined;
}

export async function bothOf(docker: Docker, place: Replaced): Promise<Both> {
  const [own, standIn] = await Promise.all([
    find(docker, place.container, place),
    find(docker, standInName(place), place),
  ]);
  return { own, standIn };
}

/** What to do before the container is replaced, see `planHandover`. @param server Who serves now. */
export async function planFor(
  docker: Docker,
  { own, standIn }: Both,
  server: Server | undefined,
  {
    signature,
    healthCheck,
    labels,
  }: Pick<Successor, "signature" | "healthCheck"> & Pick<Place, "labels">,
) {
  const signatureOf = (container: ContainerInfo | undefined) =>
    container?.Config.Labels?.[labelNames(labels).signature];
  return planHandover({
    isReplaced: signatureOf(own) !== signature,
    isHandedOver: server === "stand-in",
    // Irrelevant without a stand-in.
    isHealthy: standIn !== undefined && (await isServing(docker, own)),
    standIn: {
      isRight: signatureOf(standIn) === signature,
      isHealthy: await isServing(docker, standIn, healthCheck),
    },
  });
}

/**
 * Starts a stand-in with the new image and configuration, and waits until it is healthy.
 *
 * @param refusal What to say if it does not start, before the cause.
 * @returns its id
 */
export async function startSuccessor(
  docker: Docker,
  own: ContainerInfo,
  input: Successor & Replaced,
  { refusal, ...changes }: Pick<StandInChanges, "networks" | "host"> & { readonly refusal: string },
): Promise<string> {
  const {
    stack,
    deployment,
    labels: prefix,
    network,
    image,
    files,
    healthCheck,
    signature,
  } = input;
  const labels = {
    ...ownLabels({ labels: prefix, deployment, role: STAND_IN, stack }),
    [labelNames(prefix).signature]: signature,
  };
  try {
    return await startStandIn(
      docker,
      own,
      { name: standInName(input), image, labels, network, files, ...changes },
      healthCheck,
      input.startSeconds,
    );
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${refusal}: ${error.message}`) : error;
  }
}

/**
 * Lets nobody take a stand-in away from a container that can't serve yet.
 *
 * @param goesOn What the stand-in does then.
 * @throws UserError if the stand-in is all there is
 */
export async function requireSuccessor(
  docker: Docker,
  place: Replaced,
  goesOn: string,
): Promise<void> {
  const { own, standIn } = await bothOf(docker, place);
  if (standIn?.State.Running && !(await isServing(docker, own))) {
    throw new UserError(
      `${place.container} does not pass its health check, so ${standInName(place)} ${goesOn}: ` +
        `see \`docker logs --tail 20 ${place.container}\``,
    );
  }
}
