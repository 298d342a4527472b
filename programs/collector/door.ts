/** A collector's gate: who gets the records, and what it has of them. And its door, which lets them in. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { standInOf } from "../../names/docker.ts";
import {
  COLLECTOR_HOST,
  COLLECTOR_PORT,
  NO_MORE,
  STATUS_FILE,
  TARGET_FILE,
  targetText,
} from "../../render/collectorDoor.ts";
import { TCP_TABLE, useOfPort } from "../../render/tcpTable.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import type { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { find, type Server, standInName } from "../replacement/door.ts";
import { ownerInput } from "../owner.ts";

/** A collector and its door. */
export const placeSchema = z.object({
  dockerHost: engineInput,
  stack: z.string(),
  ...ownerInput,
  /** The name of the collector's own container. */
  container: z.string(),
  /** The names of the containers of its door and gate. */
  door: z.string(),
  gate: z.string(),
  /** The door's only network. */
  ingest: z.string(),
  /** How long accepted records may take to be stored. */
  drainSeconds: z.number().int().positive(),
});
export type Place = z.infer<typeof placeSchema>;

export const STAND_IN_HOST = standInOf(COLLECTOR_HOST);
const hostOf = (server: Server) => (server === "own" ? COLLECTOR_HOST : STAND_IN_HOST);
const containerOf = (place: Place, server: Server) =>
  server === "own" ? place.container : standInName(place);

/** `DoorStatus`; an older gate says less. */
export const statusSchema = z.object({
  records: z.number().int(),
  at: z.record(z.string(), z.number().int()),
  since: z.number().int().nullable().default(null),
  failing: z.boolean().default(false),
});

/** How often a thing must be seen without work: a record may be between door and collector. */
const LOOKS = 3;
const PAUSE_MS = 200;

/** Writes $2 into the file $1 in one step. */
const WRITE = `printf '%s' "$2" > "$1.new" && mv "$1.new" "$1"`;

export class Gate {
  readonly #docker: Docker;
  readonly #place: Place;

  constructor(docker: Docker, place: Place) {
    this.#docker = docker;
    this.#place = place;
  }

  /** Who gets the records; undefined if the gate does not run. */
  async server(): Promise<Server | undefined> {
    if ((await this.#status()) === undefined) {
      return undefined;
    }
    return (await this.#ask("cat", TARGET_FILE)) === STAND_IN_HOST ? "stand-in" : "own";
  }

  /** Lets records that come from now on go there, and waits until the other one has stored its own. */
  async switchTo(server: Server): Promise<void> {
    await this.#run(WRITE, TARGET_FILE, targetText(hostOf(server)));
    const other = server === "own" ? "stand-in" : "own";
    await this.#until(`${containerOf(this.#place, other)} has`, async () => {
      const { at = {} } = (await this.#status()) ?? {};
      return (at[hostOf(other)] ?? 0) + (await this.#leftAt(other));
    });
  }

  /** Lets no more records in, and waits until all that it has are stored. */
  async close(): Promise<void> {
    await closeDoor(this.#docker, this.#place);
    if ((await this.#status()) === undefined) {
      return;
    }
    await this.#run(`kill -s ${NO_MORE} 1`);
    await this.#until(`${this.#place.container} has`, async () => {
      const { records = 0 } = (await this.#status()) ?? {};
      return records + (await this.#leftAt("own")) + (await this.#leftAt("stand-in"));
    });
  }

  /** Records that a collector has accepted: it closes a connection when it has stored its record. */
  async #leftAt(server: Server): Promise<number> {
    const table = await this.#askIn(containerOf(this.#place, server), "cat", TCP_TABLE);
    const { open, queue } = useOfPort(table ?? "", COLLECTOR_PORT);
    return Math.max(open, queue);
  }

  async #until(who: string, left: () => Promise<number>): Promise<void> {
    const { drainSeconds } = this.#place;
    const end = Date.now() + drainSeconds * 1000;
    let clear = 0;
    for (;;) {
      const number = await left();
      clear = number === 0 ? clear + 1 : 0;
      if (clear === LOOKS) {
        return;
      }
      if (Date.now() > end) {
        process.stderr.write(
          `${who} ${number} ${number === 1 ? "record" : "records"} left after ${drainSeconds} s: what is not stored within ${drainSeconds} s more is lost (cybexp:collector[].drainSeconds)\n`,
        );
        return;
      }
      await sleep(PAUSE_MS);
    }
  }

  async #status(): Promise<z.infer<typeof statusSchema> | undefined> {
    const text = await this.#ask("cat", STATUS_FILE);
    if (text === undefined) {
      return undefined;
    }
    const parsed = statusSchema.safeParse(JSON.parse(text));
    if (!parsed.success) {
      throw new UserError(`${this.#place.gate} says what nobody understands about its records`);
    }
    return parsed.data;
  }

  #run(script: string, ...args: string[]): Promise<string> {
    return this.#docker.run(["exec", this.#place.gate, "sh", "-c", script, "sh", ...args]);
  }

  #ask(...command: string[]): Promise<string | undefined> {
    return this.#askIn(this.#place.gate, ...command);
  }

  /** What a command in a container prints; undefined where it fails, or the container does not run. */
  async #askIn(container: string, ...command: string[]): Promise<string | undefined> {
    const { code, stdout } = await this.#docker.attempt(["exec", container, ...command]);
    return code === 0 ? stdout : undefined;
  }
}

/** Closes the port on the Docker host: callers are refused there. What they have sent is at the gate. */
export async function closeDoor(docker: Docker, place: Place): Promise<void> {
  const door = await find(docker, place.door, place);
  if (door !== undefined && place.ingest in door.NetworkSettings.Networks) {
    await docker.run(["network", "disconnect", place.ingest, door.Id]);
  }
}

/** Gives the records back to the collector's own container, and ends the stand-in. Nothing if there is none. */
export async function handBack(docker: Docker, place: Place): Promise<void> {
  const gate = new Gate(docker, place);
  if ((await gate.server()) === "stand-in") {
    await gate.switchTo("own");
  }
  await endStandIn(docker, place);
}

/** With its own stop signal, at which it finishes what it has accepted. */
export async function endStandIn(docker: Docker, place: Place): Promise<void> {
  const standIn = await find(docker, standInName(place), place);
  if (standIn === undefined) {
    return;
  }
  await docker.attempt(["container", "stop", "-t", String(place.drainSeconds), standIn.Id], {
    timeoutSeconds: place.drainSeconds + 30,
  });
  await docker.attempt(["container", "rm", "--force", "--volumes", standIn.Id]);
}
