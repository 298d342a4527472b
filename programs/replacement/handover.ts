/**
 * Runs before a service's container is replaced. Starts a stand-in with the new image and configuration
 * and, once it is healthy, lets the proxy send requests there. If it does not become healthy, the `up`
 * fails while the old container still serves.
 *
 * A stand-in that an earlier run left behind is removed only when something else serves in its place.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { standInHost } from "../../render/standIn.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { Doors, handBack, placeSchema, standInName } from "./door.ts";
import { runProgram } from "../program.ts";
import { type ContainerInfo, removeContainer } from "./standIn.ts";
import { bothOf, planFor, startSuccessor, successor } from "./succession.ts";

/** How long the proxy's workers cache an address, plus a second for rounding. */
const ADDRESS_MS = 3000;

const input = placeSchema.extend({
  ...successor,
  /** Further networks that the new container joins. @default those of the old one */
  networks: z.array(z.string()).optional(),
});
type Input = z.infer<typeof input>;

const limit = ({ startSeconds, drainSeconds }: Input) => startSeconds + 2 * drainSeconds + 60;

await runProgram(input, limit, async (input) => {
  const docker = new Docker(input.dockerHost);
  const doors = await Doors.of(docker, input);
  const [containers, server] = await Promise.all([bothOf(docker, input), doors.server()]);
  const { own } = containers;
  if (!own?.State.Running) {
    return; // Nothing serves that could be interrupted: the container is about to be created.
  }

  switch (await planFor(docker, containers, server, input)) {
    case "leave":
      // A run that was killed may have switched only some of them.
      return (await doors.at("own")).switchTo("stand-in");
    case "hand back":
      return handBack(docker, input);
    case "switch":
      return doors.switchTo("stand-in");
    case "anew":
      await handBack(docker, input);
      if (server === "stand-in") {
        await sleep(ADDRESS_MS);
      }
      return handOver(docker, doors, input, own);
  }
});

async function handOver(docker: Docker, doors: Doors, input: Input, own: ContainerInfo) {
  const id = await start(docker, input, own);
  const able = await doors.thatCanSwitch();
  if (able.isEmpty) {
    // No proxy serves, so starting the stand-in was only a check.
    return removeContainer(docker, id);
  }
  const unreached = await able.unreachedFrom("stand-in");
  if (unreached !== undefined) {
    await removeContainer(docker, id);
    throw new UserError(
      `${unreached} does not reach ${standInName(input)}, the stand-in for ${input.container}: ` +
        `check that the proxy is still in the network ${input.network}`,
    );
  }
  await doors.switchTo("stand-in");
}

function start(docker: Docker, input: Input, own: ContainerInfo): Promise<string> {
  const { role, networks = Object.keys(own.NetworkSettings.Networks) } = input;
  return startSuccessor(docker, own, input, {
    networks,
    host: standInHost(role),
    refusal: `the ${role} does not start with its new image or configuration, so the old one keeps serving`,
  });
}
