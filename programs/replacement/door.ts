/**
 * Shared by the programs of a handover: which container serves behind a door of the proxy, the service's
 * own or a stand-in while that one is replaced.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { LABEL, standInOf } from "../../names/docker.ts";
import { httpStatus } from "../../render/httpProbe.ts";
import { handoverFile } from "../../render/proxySignals.ts";
import { standInHost } from "../../render/standIn.ts";
import { engineInput } from "../../settings/engineConnection.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { type ContainerInfo, removeContainer } from "./standIn.ts";

/** Where a handover takes place. */
export const placeSchema = z.object({
  dockerHost: engineInput,
  stack: z.string(),
  deployment: z.string(),
  /** The role of the service and its door. */
  role: z.string(),
  /** Where the service listens in its containers. */
  port: z.number().int(),
  /** The name of the service's own container. */
  container: z.string(),
  /** The name of the proxy's container. */
  proxy: z.string(),
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
  { deployment }: Pick<Place, "deployment">,
): Promise<ContainerInfo | undefined> {
  const info = await docker.inspect<ContainerInfo>("container", name);
  return info?.Config.Labels?.[LABEL.deployment] === deployment ? info : undefined;
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

/** One door of the proxy. */
export class Door {
  readonly #docker: Docker;
  readonly #place: Place;

  constructor(docker: Docker, place: Place) {
    this.#docker = docker;
    this.#place = place;
  }

  /** Who gets the requests; undefined if no proxy runs. */
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
    return this.#docker.run(["exec", this.#place.proxy, ...command]);
  }
}

/**
 * Gives the requests back to the service's own container, which must be healthy, and removes the
 * stand-in. Does nothing if there is none.
 */
export async function handBack(docker: Docker, place: Place): Promise<void> {
  const door = new Door(docker, place);
  if ((await door.server()) === "stand-in") {
    await door.switchTo("own");
  }
  const standIn = await find(docker, standInName(place), place);
  if (standIn) {
    await removeContainer(docker, standIn.Id);
  }
}
