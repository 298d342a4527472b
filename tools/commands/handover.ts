/**
 * Before a service's container is replaced: starts a stand-in with the new image and configuration,
 * and, once it is healthy, lets the proxy send requests there. What cannot become healthy leaves the
 * old container serving and fails the `up` before anything was taken away.
 *
 * A stand-in that an earlier run left behind goes only when something else serves in its place.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { standInHost } from "../../render/handover.ts";
import { Docker } from "../lib/docker.ts";
import { UserError } from "../lib/errors.ts";
import { Door, find, handBack, isServing, placeSchema, standInName } from "../lib/handover.ts";
import { runProgram } from "../lib/program.ts";
import { removeContainer, startStandIn } from "../lib/standIn.ts";

/** How long the new service may take to start. */
const START_SECONDS = 60;

/** How long the proxy's workers keep an address, and a second for the clock's edge. */
const ADDRESS_MS = 3000;

const input = placeSchema.extend({
  /** The network that the service shares with the proxy. */
  network: z.string(),
  image: z.string(),
  /** Path in the container -> the file on the engine. */
  files: z.record(z.string(), z.string()),
  /** Of everything that would replace the container; it has a label with its own. */
  signature: z.string(),
});
type Input = z.infer<typeof input>;

const limit = ({ drainSeconds }: Input) => START_SECONDS + 2 * drainSeconds + 60;

await runProgram(input, limit, async (input) => {
  const docker = new Docker(input.dockerHost);
  const own = await find(docker, input.container, input);
  if (!own?.State.Running) {
    return; // Nobody to hand over: the container is about to be made.
  }
  const test = [...(own.Config.Healthcheck?.Test ?? [])];
  const door = new Door(docker, input);
  const isOpen = await door.isOpen();
  let standIn = await find(docker, standInName(input), input);
  let standInServes =
    isOpen && (await door.isHandedOver()) && (await isServing(docker, standIn, test));

  const isReplaced = own.Config.Labels?.["cybexp.signature"] !== input.signature;
  const isRight = standIn?.Config.Labels?.["cybexp.signature"] === input.signature;
  if (!isReplaced || (standInServes && !isRight)) {
    if (standInServes && !(await isServing(docker, own))) {
      return; // The stand-in is all that there is.
    }
    await handBack(docker, input);
    if (!isReplaced) {
      return;
    }
    if (standInServes) {
      await sleep(ADDRESS_MS);
    }
    standIn = undefined;
    standInServes = false;
  }
  if (standInServes) {
    return;
  }

  if (!isRight || !(await isServing(docker, standIn, test))) {
    await handBack(docker, input);
    await start(docker, input, own);
  }
});
