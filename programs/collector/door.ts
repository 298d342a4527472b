/** A collector's door: who gets the records, and whether it lets any in. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { standInOf } from "../../names/docker.ts";
import {
  COLLECTOR_HOST,
  COLLECTOR_PORT,
  DOOR_CONFIG,
  HELD_FILE,
  TARGET_FILE,
  targetText,
  WORKERS_FILE,
  workersText,
} from "../../render/collectorDoor.ts";
import { oldWorkers, TITLES } from "../../render/nginxWorkers.ts";
import { TCP_TABLE, useOfPort } from "../../render/tcpTable.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { find, type Server } from "../replacement/door.ts";

/** A collector and its door. */
export const placeSchema = z.object({
  dockerHost: z.string().optional(),
  stack: z.string(),
  deployment: z.string(),
  /** The name of the collector's own container. */
  container: z.string(),
  /** The name of its door's container. */
  door: z.string(),
  /** The network by which the door publishes its port. */
  ingest: z.string(),
  /** How long accepted records may take to be stored. */
  drainSeconds: z.number().int().positive(),
});
export type Place = z.infer<typeof placeSchema>;

export const standInName = ({ container }: Pick<Place, "container">): string =>
  standInOf(container);
export const STAND_IN_HOST = standInOf(COLLECTOR_HOST);

/** How long new workers may take to start, and old ones to stop accepting connections. */
const PATIENCE_MS = 15_000;

/** Writes $2 into the file $1 in one step, so that a restart never meets half of it. */
const WRITE = `printf '%s' "$2" > "$1.new" && mv "$1.new" "$1"`;

export class CollectorDoor {
  readonly #docker: Docker;
  readonly #door: string;

  /** @param door The name or id of its container. */
  constructor(docker: Docker, door: string) {
    this.#docker = docker;
    this.#door = door;
  }

  /** Who gets the records; undefined if the door does not run. */
  async server(): Promise<Server | undefined> {
    const text = await this.#ask("cat", TARGET_FILE);
    return text === undefined ? undefined : text.includes(STAND_IN_HOST) ? "stand-in" : "own";
  }

  /** Lets records that come from now on go there. Connections that it has accepted go on as they are. */
  async sendTo(server: Server): Promise<void> {
    await this.#write(TARGET_FILE, targetText(server === "own" ? COLLECTOR_HOST : STAND_IN_HOST));
    await this.#reload();
  }

  /**
   * Lets connections wait in the kernel, in both directions, until `open`. Those that it has accepted go on.
   *
   * @param seconds After which it opens by itself.
   */
  async hold(seconds: number): Promise<void> {
    // First the end, because the health check looks for it. By the container's clock, which that goes by.
    await this.#run(`echo "$(($(date +%s) + $2))" > "$1"`, HELD_FILE, String(seconds));
    await this.#write(WORKERS_FILE, workersText(true));
    await this.#reload();
  }

  async open(): Promise<void> {
    if ((await this.#ask("cat", HELD_FILE)) !== undefined) {
      await this.#write(WORKERS_FILE, workersText(false));
      await this.#run(`rm -f "$1"`, HELD_FILE);
      await this.#reload();
    }
  }

  /** Its connections, as the kernel lists them; undefined if it does not run. */
  table(): Promise<string | undefined> {
    return this.#ask("cat", TCP_TABLE);
  }

  /** Returns once no worker with the old configuration accepts connections, which `-s reload` doesn't tell. */
  async #reload(): Promise<void> {
    const before = await this.#titles();
    await this.#docker.run([
      ...["exec", this.#door, "nginx", "-q", "-e", "stderr", "-c", DOOR_CONFIG],
      ...["-s", "reload"],
    ]);
    for (const start = Date.now(); Date.now() - start < PATIENCE_MS; await sleep(50)) {
      if (oldWorkers(before, await this.#titles()).accepting.length === 0) {
        return;
      }
    }
    throw new UserError(
      `${this.#door} was reloaded, but goes on as before: see \`docker logs --tail 20 ${this.#door}\``,
    );
  }

  #titles(): Promise<string> {
    return this.#docker.run(["exec", this.#door, ...TITLES]);
  }

  #write(file: string, text: string): Promise<string> {
    return this.#run(WRITE, file, text);
  }

  #run(script: string, ...args: string[]): Promise<string> {
    return this.#docker.run(["exec", this.#door, "sh", "-c", script, "sh", ...args]);
  }

  #ask(...command: string[]): Promise<string | undefined> {
    return askIn(this.#docker, this.#door, command);
  }
}

/** What a command in a container prints; undefined where it fails, or the container does not run. */
async function askIn(
  docker: Docker,
  container: string,
  command: readonly string[],
): Promise<string | undefined> {
  try {
    return await docker.run(["exec", container, ...command]);
  } catch (error) {
    if (error instanceof DockerError) {
      return undefined;
    }
    throw error;
  }
}

/** How often it must be seen without work: a connection may be between the door and the collector. */
const LOOKS = 3;

/**
 * Waits until a collector has stored what it has accepted: nothing waits at its socket, and it has closed every
 * connection, which it does when a record is stored or given up.
 *
 * @returns How many connections were still open when the time was over.
 */
export async function drain(docker: Docker, container: string, seconds: number): Promise<number> {
  const end = Date.now() + seconds * 1000;
  let clear = 0;
  for (;;) {
    const table = await askIn(docker, container, ["cat", TCP_TABLE]);
    const { open, queue } = table === undefined ? NOTHING : useOfPort(table, COLLECTOR_PORT);
    clear = open + queue === 0 ? clear + 1 : 0;
    if (clear === LOOKS || Date.now() > end) {
      return Math.max(open, queue);
    }
    await sleep(200);
  }
}

const NOTHING = { open: 0, queue: 0 };

/** Gives the records to one of the two, and waits until the other one has stored its own. */
export async function switchTo(docker: Docker, place: Place, server: Server): Promise<void> {
  await new CollectorDoor(docker, place.door).sendTo(server);
  const other = server === "own" ? standInName(place) : place.container;
  await drainAloud(docker, other, place.drainSeconds);
}

export async function drainAloud(docker: Docker, container: string, seconds: number) {
  const left = await drain(docker, container, seconds);
  if (left > 0) {
    process.stderr.write(
      `${container} has ${left} ${left === 1 ? "record" : "records"} left after ${seconds} s: what it has not stored within ${seconds} s more is lost (cybexp:collector[].drainSeconds)\n`,
    );
  }
}

/** Gives the records back to the collector's own container, and ends the stand-in. Nothing if there is none. */
export async function handBack(docker: Docker, place: Place): Promise<void> {
  if ((await new CollectorDoor(docker, place.door).server()) === "stand-in") {
    await switchTo(docker, place, "own");
  }
  const standIn = await find(docker, standInName(place), place);
  if (standIn) {
    await endStandIn(docker, standIn.Id, place.drainSeconds);
  }
}

/** With its own stop signal, at which it finishes what it has accepted. */
export async function endStandIn(docker: Docker, id: string, seconds: number): Promise<void> {
  await docker.attempt(["container", "stop", "-t", String(seconds), id], {
    timeoutSeconds: seconds + 30,
  });
  await docker.attempt(["container", "rm", "--force", "--volumes", id]);
}
