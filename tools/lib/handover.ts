/**
 * The parts of a handover that its programs share: which container serves behind a door of the
 * proxy, the service's own or a stand-in.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { handoverFile, standInHost } from "../../render/handover.ts";
import { type Docker, DockerError } from "./docker.ts";
import { type ContainerInfo, isHealthy, removeContainer } from "./standIn.ts";

/** Where a handover takes place. */
export const placeSchema = z.object({
  dockerHost: z.string().optional(),
  stack: z.string(),
  deployment: z.string(),
  /** The service and its door. */
  role: z.enum(["kms", "backend"]),
  port: z.number().int(),
  /** The name of the service's own container. */
  container: z.string(),
  /** The name of the proxy's. */
  proxy: z.string(),
  statusPort: z.number().int(),
  /** How long requests that are under way may take; then they are cut off. */
  drainSeconds: z.number().int().positive(),
});
export type Place = z.infer<typeof placeSchema>;

/** A request that chose its upstream just before a switch is counted within a blink. */
const SETTLE_MS = 500;

export function standInName({ stack, role }: Place): string {
  return `cybexp-${stack}-${role}-handover`;
}

/** A container by its name, if it is this deployment's. */
export async function find(
  docker: Docker,
  name: string,
  { deployment }: Place,
): Promise<ContainerInfo | undefined> {
  const info = await docker.inspect<ContainerInfo>("container", name);
  return info?.Config.Labels?.["cybexp.deployment"] === deployment ? info : undefined;
}

/** Whether a container runs and passes its own health check. */
export async function isServing(docker: Docker, info: ContainerInfo | undefined, test?: string[]) {
  return (
    info !== undefined &&
    info.State.Running &&
    (await isHealthy(docker, info.Id, test ?? info.Config.Healthcheck?.Test ?? []))
  );
}

/** The one door of the running proxy. */
export class Door {
  readonly #docker: Docker;
  readonly #place: Place;

  constructor(docker: Docker, place: Place) {
    this.#docker = docker;
    this.#place = place;
  }

  /** Whether there is a proxy that can switch; without one there is nothing to hand over. */
  async isOpen(): Promise<boolean> {
    const proxy = await find(this.#docker, this.#place.proxy, this.#place);
    return Boolean(proxy?.State.Running) && (await this.#idle(this.#upstream(false))) !== undefined;
  }

  /** Whether the stand-in has the requests. */
  async isHandedOver(): Promise<boolean> {
    const names = await this.#exec("ls", "/tmp");
    return names.split("\n").includes(handoverFile(this.#place.role).replace("/tmp/", ""));
  }

  /** Whether the proxy gets an answer, whichever, from the stand-in or from the service's own container. */
  async reaches(standIn: boolean): Promise<boolean> {
    const url = `http://${this.#upstream(standIn)}/`;
    try {
      await this.#exec("curl", "-s", "-o", "/dev/null", "--max-time", "5", url);
      return true;
    } catch (error) {
      if (error instanceof DockerError) {
        return false;
      }
      throw error;
    }
  }

  /** Sends new requests to the one and waits for those that are under way at the other. */
  async switchTo(standIn: boolean): Promise<void> {
    const file = handoverFile(this.#place.role);
    await this.#exec(...(standIn ? ["touch", file] : ["rm", "-f", file]));
    await sleep(SETTLE_MS);
    const end = Date.now() + this.#place.drainSeconds * 1000;
    while ((await this.#idle(this.#upstream(!standIn))) === false && Date.now() < end) {
      await sleep(200);
    }
  }

  #upstream(standIn: boolean): string {
    const { role, port } = this.#place;
    return `${standIn ? standInHost(role) : role}:${port}`;
  }

  /** Whether no request is under way to an upstream; undefined when Nginx can't tell. */
  async #idle(upstream: string): Promise<boolean | undefined> {
    const url = `http://127.0.0.1:${this.#place.statusPort}/idle?upstream=${upstream}`;
    try {
      const status = await this.#exec(
        ...["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", url],
      );
      return { "204": true, "409": false }[status];
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
 * stand-in. Does nothing where there is none.
 */
export async function handBack(docker: Docker, place: Place): Promise<void> {
  const door = new Door(docker, place);
  if ((await door.isOpen()) && (await door.isHandedOver())) {
    await door.switchTo(false);
  }
  const standIn = await find(docker, standInName(place), place);
  if (standIn) {
    await removeContainer(docker, standIn.Id);
  }
}
