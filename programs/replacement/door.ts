/**
 * Shared by the programs of a handover: which container serves behind the doors of the proxies, the service's
 * own or a stand-in while that one is replaced.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import { isOf, type Owner, ownLabel, standInOf } from "../../names/docker.ts";
import { httpStatus } from "../../render/httpProbe.ts";
import { handoverFile, PROXY_ENTRYPOINT } from "../../render/proxySignals.ts";
import { standInHost } from "../../render/standIn.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { type ContainerInfo, removeContainer } from "./standIn.ts";
import { ownerInput } from "../owner.ts";

/** Where a handover takes place. */
export const placeSchema = z.object({
  dockerHost: engineInput,
  stack: z.string(),
  ...ownerInput,
  /** The role of the service and its door. */
  role: z.string(),
  /** Where the service listens in its containers. */
  port: z.number().int(),
  /** The name of the service's own container. */
  container: z.string(),
  /** The network that it shares with proxies. */
  network: z.string(),
  statusPort: z.number().int(),
  /** How long running requests may take at a switch before they are cut off. */
  drainSeconds: z.number().int().positive(),
});
export type Place = z.infer<typeof placeSchema>;

/** Who gets the requests of a door. */
export type Server = "own" | "stand-in";

/** By then, a request that chose its upstream just before a switch has been counted. */
const SETTLE_MS = 500;

export function standInName({ container }: Pick<Place, "container">): string {
  return standInOf(container);
}

/** A container by its name, if it belongs to this deployment. */
export async function find(
  docker: Docker,
  name: string,
  owner: Owner,
): Promise<ContainerInfo | undefined> {
  const info = await docker.inspect<ContainerInfo>("container", name);
  return isOf(owner, info?.Config.Labels) ? info : undefined;
}

/** The situation at the beginning of a handover, while the service's own container runs. */
export interface Situation {
  /** Whether the service's own container is about to be replaced. */
  readonly isReplaced: boolean;
  readonly isHealthy: boolean;
  /** Whether the proxy sends requests to the stand-in. */
  readonly isHandedOver: boolean;
  readonly standIn: {
    /** Whether it has the image and configuration of the new container. */
    readonly isRight: boolean;
    readonly isHealthy: boolean;
  };
}

/**
 * What to do then: `leave` everything as it is, `hand back` to the container, `switch` to the existing
 * stand-in, or start a new one (`anew`). A container that serves stays until another one can serve.
 */
export function planHandover({ isReplaced, isHealthy, isHandedOver, standIn }: Situation) {
  if (isReplaced && standIn.isRight && standIn.isHealthy) {
    return "switch";
  }
  if (isHandedOver && standIn.isHealthy && !isHealthy) {
    return "leave";
  }
  return isReplaced ? "anew" : "hand back";
}

/** The service's door at each proxy that runs. */
export class Doors {
  readonly #doors: readonly Door[];

  private constructor(doors: readonly Door[]) {
    this.#doors = doors;
  }

  /** Proxies are found by what runs in the network: the service is made before them, and knows none. */
  static async of(docker: Docker, place: Place): Promise<Doors> {
    const listed = await docker.run([
      ...["container", "ls", "--filter", `network=${place.network}`],
      ...["--filter", `label=${ownLabel(place)}`, "--format", "{{.Names}}"],
    ]);
    const infos = await Promise.all(
      listed
        .split("\n")
        .filter(Boolean)
        .map(async (name) => ({ name, info: await find(docker, name, place) })),
    );
    return new Doors(
      infos
        .filter(({ info }) => isDeepStrictEqual(info?.Config.Entrypoint, PROXY_ENTRYPOINT))
        .map(({ name }) => new Door(docker, place, name)),
    );
  }

  /** Who gets requests: the stand-in if that is so at any of them. Undefined if no proxy runs. */
  async server(): Promise<Server | undefined> {
    const servers = await Promise.all(this.#doors.map((door) => door.server()));
    return servers.find((server) => server === "stand-in") ?? servers.find((server) => server);
  }

  /** Those that send their requests there. */
  async at(server: Server): Promise<Doors> {
    const servers = await Promise.all(this.#doors.map((door) => door.server()));
    return new Doors(this.#doors.filter((_, index) => servers[index] === server));
  }

  /** Those whose Nginx runs with a configuration that supports handovers. */
  async thatCanSwitch(): Promise<Doors> {
    const can = await Promise.all(this.#doors.map((door) => door.canSwitch()));
    return new Doors(this.#doors.filter((_, index) => can[index]));
  }

  get isEmpty(): boolean {
    return this.#doors.length === 0;
  }

  /** A proxy that gets no answer from there; undefined if all do. */
  async unreachedFrom(server: Server): Promise<string | undefined> {
    const reached = await Promise.all(this.#doors.map((door) => door.reaches(server)));
    return this.#doors.find((_, index) => !reached[index])?.proxy;
  }

  /** Sends new requests there, and waits until the other one has finished its requests. */
  async switchTo(server: Server): Promise<void> {
    await Promise.all(this.#doors.map((door) => door.switchTo(server)));
  }
}

/** The door of one proxy. */
class Door {
  /** The name of the proxy's container. */
  readonly proxy: string;
  readonly #docker: Docker;
  readonly #place: Place;

  constructor(docker: Docker, place: Place, proxy: string) {
    this.#docker = docker;
    this.#place = place;
    this.proxy = proxy;
  }

  /** Who gets the requests; undefined if the proxy does not run. */
  async server(): Promise<Server | undefined> {
    const file = handoverFile(this.#place.role);
    try {
      const script = 'if [ -e "$1" ]; then echo stand-in; else echo own; fi';
      const found = await this.#exec("sh", "-c", script, "sh", file);
      return found === "stand-in" ? "stand-in" : "own";
    } catch (error) {
      if (error instanceof DockerError) {
        return undefined;
      }
      throw error;
    }
  }

  /** Whether Nginx runs with a configuration that supports handovers. */
  async canSwitch(): Promise<boolean> {
    return (await this.#isIdle("own")) !== undefined;
  }

  /** Whether the proxy gets any answer from there. */
  async reaches(server: Server): Promise<boolean> {
    const { role, port } = this.#place;
    const host = server === "own" ? role : standInHost(role);
    return (await this.#status(host, port, "/")) !== undefined;
  }

  /** Sends new requests there, and waits until the other one has finished its requests. */
  async switchTo(server: Server): Promise<void> {
    const file = handoverFile(this.#place.role);
    const script = server === "own" ? 'rm -f "$1"' : ': >> "$1"';
    await this.#exec("sh", "-c", script, "sh", file);
    await sleep(SETTLE_MS);
    const other = server === "own" ? "stand-in" : "own";
    const end = Date.now() + this.#place.drainSeconds * 1000;
    while ((await this.#isIdle(other)) === false && Date.now() < end) {
      await sleep(200);
    }
  }

  #upstream(server: Server): string {
    const { role, port } = this.#place;
    return `${server === "own" ? role : standInHost(role)}:${port}`;
  }

  /** Whether it has no running requests; undefined if Nginx can't tell. */
  async #isIdle(server: Server): Promise<boolean | undefined> {
    const path = `/idle?upstream=${this.#upstream(server)}`;
    const status = await this.#status("127.0.0.1", this.#place.statusPort, path);
    return status === "204" ? true : status === "409" ? false : undefined;
  }

  /** The status of the answer that the proxy gets; undefined if it gets none. */
  async #status(host: string, port: number, path: string): Promise<string | undefined> {
    try {
      return await this.#exec(...httpStatus({ host, port, path, seconds: 5 }));
    } catch (error) {
      if (error instanceof DockerError) {
        return undefined;
      }
      throw error;
    }
  }

  #exec(...command: string[]): Promise<string> {
    return this.#docker.run(["exec", this.proxy, ...command]);
  }
}

/**
 * Gives the requests back to the service's own container, which must be healthy, and removes the
 * stand-in. Does nothing if there is none.
 */
export async function handBack(docker: Docker, place: Place): Promise<void> {
  const doors = await Doors.of(docker, place);
  if ((await doors.server()) === "stand-in") {
    await doors.switchTo("own");
  }
  const standIn = await find(docker, standInName(place), place);
  if (standIn) {
    await removeContainer(docker, standIn.Id);
  }
}
