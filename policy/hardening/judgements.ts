/**
 * What both the policies and the doctor's CIS rules ask about a container, each once. What is not known
 * yet is not held against it.
 */
import { posix } from "node:path";
import { type Container, type Maybe, type Namespace, NAMESPACES } from "./container.ts";

/** By name, by number, or because nobody else is named. */
export function runsAsRoot({ user }: Container): boolean {
  const [name] = user?.split(":") ?? [];
  return name !== undefined && /^(root|0*)$/.test(name);
}

export function sharedNamespaces({ namespaces }: Container): readonly Namespace[] {
  return NAMESPACES.filter((namespace) => namespaces[namespace] === "host");
}

/** Those that are added beyond the allowed ones, without `CAP_`. */
export function excessCapabilities(
  { addedCapabilities }: Container,
  allowed: readonly unknown[],
): readonly string[] {
  return addedCapabilities
    .filter((name) => name !== undefined)
    .map(capabilityName)
    .filter((name) => !allowed.includes(name));
}

/** As in "NET_ADMIN", however it is spelled. */
export const capabilityName = (name: string) => name.toUpperCase().replace(/^CAP_/, "");

/** As a set-uid program would have it. */
export function canGainPrivileges({ securityOptions }: Container): boolean {
  return (
    !securityOptions.includes(undefined) &&
    !securityOptions.some((option = "") => /^no-new-privileges([:=]true)?$/.test(option))
  );
}

/** What confines a container, and the value that switches it off. */
const CONFINEMENTS = { apparmor: "unconfined", label: "disable", seccomp: "unconfined" } as const;
export type Confinement = keyof typeof CONFINEMENTS;

/** The security options that switch off one of the confinements. */
export function switchedOff(
  { securityOptions }: Container,
  ...confinements: readonly Confinement[]
): readonly string[] {
  // Older engines write `name:value`, newer ones `name=value`.
  const spellings = confinements.flatMap((name) =>
    [":", "="].map((sign) => `${name}${sign}${CONFINEMENTS[name]}`),
  );
  return securityOptions.filter((option = "") => spellings.includes(option)) as readonly string[];
}

export function lacksHealthCheck({ healthCheck }: Container): boolean {
  return healthCheck === "" || healthCheck === "NONE";
}

/** Docker takes 0, and often -1, for no limit. */
export const isUnlimited = (limit: Maybe<number>): boolean => limit !== undefined && limit < 1;

/** Whether it may be started again by itself more often than that. */
export function restartsMoreThan(times: number, { restart, retries }: Container): boolean {
  if (restart === "on-failure") {
    return isUnlimited(retries) || (retries !== undefined && retries > times);
  }
  return restart !== undefined && !["", "no"].includes(restart);
}

/** Where engines listen. */
const SOCKETS = [
  "/run/docker.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
];

/** Whether a path of the host is an engine's socket, or a folder that has one. */
export function leadsToEngine(path: string): "socket" | "folder" | undefined {
  if (!path.startsWith("/")) {
    return undefined;
  }
  const place = posix.normalize(path).replace(/(?<=.)\/$/, "");
  // /var/run is another name of /run.
  const real = place.replace(/^\/var\/run(?=\/|$)/, "/run");
  if (/\/docker\.sock$/.test(real) || SOCKETS.includes(real)) {
    return "socket";
  }
  const folder = real === "/" ? "/" : `${real}/`;
  return place === "/var" || SOCKETS.some((socket) => socket.startsWith(folder))
    ? "folder"
    : undefined;
}
