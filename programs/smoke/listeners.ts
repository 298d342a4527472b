import { connect } from "node:net";
import { networkInterfaces } from "node:os";
import { endpointText, isLoopback } from "../../settings/addresses.ts";
import { COLLECTOR_DOOR, labelNames, type Owner, ownLabel } from "../../names/docker.ts";
import { clash, type DeclaredListener as Listener } from "../../settings/listeners.ts";
import type { EngineInput } from "../../settings/engineConnection.ts";
import type { Docker } from "../docker/docker.ts";
import { isLocal } from "../docker/engine.ts";
import { UserError } from "../errors.ts";

interface ContainerInfo {
  readonly Name: string;
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
  readonly NetworkSettings: {
    readonly Ports: Readonly<Record<string, { HostIp: string; HostPort: string }[] | null>>;
  };
}

/**
 * Checks that only what the stack's config declares is listening. It compares the ports that the engine
 * publishes and, if the engine is on this machine, tries the internal ports at every address that is not
 * loopback.
 */
export async function checkListeners(
  docker: Docker,
  expected: Owner & {
    readonly dockerHost?: EngineInput;
    readonly listeners: readonly Listener[];
    /** Roles of containers that go soon. @default none */
    readonly leaving?: readonly string[];
    /** The names of the doors of collectors that stay. @default all */
    readonly collectorDoors?: readonly string[] | undefined;
  },
): Promise<void> {
  const { leaving = [], collectorDoors } = expected;
  const actual = (await publishedListeners(docker, expected)).filter(
    ({ role, container }) =>
      !leaving.includes(role) &&
      (role !== COLLECTOR_DOOR || (collectorDoors?.includes(container) ?? true)),
  );

  const { undeclared, missing } = compareListeners(expected.listeners, actual);
  if (undeclared[0]) {
    throw new UserError(
      `${show(undeclared[0])} is published, but the stack's config does not ask for it`,
    );
  }
  if (missing[0]) {
    throw new UserError(`${show(missing[0])} should be published, but is not`);
  }

  if (isLocal(expected.dockerHost)) {
    await checkUnreachable(expected.listeners);
  }
}

/** The ports that the running containers of a deployment publish. */
export async function publishedListeners(
  docker: Docker,
  owner: Owner,
): Promise<PublishedListener[]> {
  const ids = await docker.labelled("container", ownLabel(owner));
  return ids.length === 0
    ? []
    : (JSON.parse(await docker.run(["container", "inspect", ...ids])) as ContainerInfo[]).flatMap(
        (container) => listenersOf(container, labelNames(owner.labels).role),
      );
}

/** A port that is published, and the name of the container that does it. */
export interface PublishedListener extends Listener {
  readonly container: string;
}

function listenersOf(container: ContainerInfo, label: string): PublishedListener[] {
  const role = container.Config.Labels[label] ?? container.Name;
  return Object.values(container.NetworkSettings.Ports).flatMap((bindings) =>
    (bindings ?? []).map(({ HostIp, HostPort }) => ({
      role,
      container: container.Name.replace(/^\//, ""),
      address: HostIp,
      port: Number(HostPort),
    })),
  );
}

/** Which listeners exist but are not declared, and the other way round. */
export function compareListeners(declared: readonly Listener[], actual: readonly Listener[]) {
  const key = ({ role, address, port }: Listener) => `${role} ${address} ${port}`;
  const without = (list: readonly Listener[], others: readonly Listener[]) => {
    const known = new Set(others.map(key));
    return list.filter((listener) => !known.has(key(listener)));
  };
  return { undeclared: without(actual, declared), missing: without(declared, actual) };
}

const show = (listener: Listener): string => `${endpointText(listener)} of ${listener.role}`;

/** Checks that the loopback ports refuse a caller at every other address of this machine. */
async function checkUnreachable(listeners: readonly Listener[]): Promise<void> {
  const outside = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter((entry) => !entry.internal && entry.family === "IPv4")
    .map((entry) => entry.address);
  const isDeclared = (candidate: string, port: number) =>
    listeners.some((listener) => clash(listener, { address: candidate, port }));
  for (const { role, port, address } of listeners.filter((each) => isLoopback(each.address))) {
    for (const candidate of outside) {
      if (!isDeclared(candidate, port) && (await accepts(candidate, port))) {
        throw new UserError(
          `port ${port} of ${role} is bound to ${address}, but something answers at ${candidate}:${port}`,
        );
      }
    }
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("connect", () => settle(true));
    socket.on("timeout", () => settle(false));
    socket.on("error", () => settle(false));
  });
}
