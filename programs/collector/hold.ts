/**
 * Runs before the proxy's container is replaced. Meanwhile the doors of collectors let connections wait: those of
 * shippers, and those of the collectors to the proxy, which have no time limit. A collector would give up a
 * record within milliseconds otherwise.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LABEL } from "../../names/docker.ts";
import { callsTo } from "../../render/tcpTable.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { find } from "../replacement/door.ts";
import { CollectorDoor } from "./door.ts";
import { doorsOf } from "./doors.ts";

const input = z.object({
  dockerHost: z.string().optional(),
  deployment: z.string(),
  /** The name of the proxy's container. */
  proxy: z.string(),
  /** The ports at which it listens in its container. */
  ports: z.array(z.number().int()),
  /** A digest of everything that would replace it. The container has its own as a label. */
  signature: z.string(),
  /** How long requests under way may take. */
  drainSeconds: z.number().int().positive(),
  /** After which the doors open by themselves. */
  holdSeconds: z.number().int().positive(),
});

await runProgram(
  input,
  ({ drainSeconds }) => drainSeconds + 60,
  async ({ dockerHost, ports, signature, drainSeconds, holdSeconds, ...place }) => {
    const docker = new Docker(dockerHost);
    const proxy = await find(docker, place.proxy, place);
    if (!proxy?.State.Running || proxy.Config.Labels?.[LABEL.signature] === signature) {
      return;
    }
    const doors = (await doorsOf(docker, place.deployment)).map(
      (id) => new CollectorDoor(docker, id),
    );
    await Promise.all(doors.map((door) => door.hold(holdSeconds + drainSeconds)));
    const end = Date.now() + drainSeconds * 1000;
    for (const door of doors) {
      while (callsTo((await door.table()) ?? "", ports) > 0 && Date.now() < end) {
        await sleep(100);
      }
    }
  },
);
