/**
 * The rules of the CIS Docker Benchmark 1.6 about containers that can be decided from
 * `docker inspect`. Each is a pure function that says what is wrong, or nothing. What the policies ask
 * as well is judged in policy/hardening/.
 */
import type { Container, Namespace } from "../../../policy/hardening/container.ts";
import {
  canGainPrivileges,
  type Confinement,
  excessCapabilities,
  isUnlimited,
  lacksHealthCheck,
  leadsToEngine,
  restartsMoreThan,
  runsAsRoot,
  sharedNamespaces,
  switchedOff,
} from "../../../policy/hardening/judgements.ts";
import type { EngineInfo, InspectedContainer } from "./inspected.ts";

export interface Rule {
  /** The benchmark's number. */
  readonly id: string;
  /** What it asks for. */
  readonly title: string;
  /** How a stack keeps to it. */
  readonly met: string;
  /** What is wrong with a container, as in "runs as root"; undefined when it keeps to the rule. */
  readonly violation: (
    container: Container,
    inspected: InspectedContainer,
    engine: EngineInfo,
  ) => string | undefined;
}

/** What the engine gives to every container that drops nothing: the benchmark lets these be added. */
const DEFAULT_CAPABILITIES = (
  "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP " +
  "SETGID SETPCAP SETUID SYS_CHROOT"
).split(" ");

const SENSITIVE_FOLDERS = ["/boot", "/dev", "/etc", "/lib", "/proc", "/sys", "/usr"];

export const rules: readonly Rule[] = [
  {
    id: "4.1",
    title: "A user other than root is given",
    met: "`user` of every container: 101 (Nginx), 999 (MongoDB), 65532 (the services, Kapow!)",
    violation: (container) => (runsAsRoot(container) ? "runs as root" : undefined),
  },
  {
    id: "4.6",
    title: "There is a health check",
    met: "a health check of the stack's own, whatever the image has",
    violation: (container) => (lacksHealthCheck(container) ? "has no health check" : undefined),
  },
  {
    id: "5.2",
    title: "An AppArmor profile is in force, where the engine has AppArmor",
    met: "the engine's default profile, which nothing switches off",
    violation: (container, { AppArmorProfile = "", State }, engine) =>
      isOff(container, "apparmor") ||
      // The engine gives the profile at the start.
      (State.Status !== "created" &&
        engineHas(engine, "apparmor") &&
        ["", "unconfined"].includes(AppArmorProfile))
        ? "runs without an AppArmor profile"
        : undefined,
  },
  {
    id: "5.3",
    title: "SELinux options are in force, where the engine has SELinux",
    met: "the engine's default label, which nothing switches off",
    violation: (container) =>
      isOff(container, "label") ? "runs without an SELinux label" : undefined,
  },
  {
    id: "5.4",
    title: "No capability beyond the engine's default ones",
    met: "all capabilities are dropped, none is added",
    violation: (container) => {
      const more = excessCapabilities(container, DEFAULT_CAPABILITIES);
      return more.length > 0 ? `has the capabilities ${more.join(", ")}` : undefined;
    },
  },
  {
    id: "5.5",
    title: "Not privileged",
    met: "no container is",
    violation: ({ privileged }) => (privileged === true ? "is privileged" : undefined),
  },
  {
    id: "5.6",
    title: "No sensitive folder of the host is mounted",
    met: "volumes, and single files of volumes",
    violation: ({ hostPaths }) => {
      const found = hostPaths.filter(
        (source) => source === "/" || SENSITIVE_FOLDERS.some((path) => isIn(source, path)),
      );
      return found.length > 0 ? `mounts ${found.join(", ")} of the host` : undefined;
    },
  },
  {
    id: "5.8",
    title: "No privileged port of the host is published",
    met: "the ports of `listen` and `bind`, in a range of the operator's choice",
    violation: (_, { HostConfig }) => {
      const low = bindings(HostConfig).filter(({ HostPort }) => Number(HostPort) < 1024);
      return low.length > 0 ? `publishes port ${low.map((b) => b.HostPort).join(", ")}` : undefined;
    },
  },
  {
    id: "5.9",
    title: "Only ports that are needed are open",
    met: "each published port is one of the stack's config; none is published because an image says so",
    violation: ({ publishesAllPorts }) =>
      publishesAllPorts === true ? "publishes whatever its image exposes" : undefined,
  },
  {
    id: "5.10",
    title: "The host's network namespace is not shared",
    met: "networks of the stack's own",
    violation: shares("network"),
  },
  {
    id: "5.11",
    title: "Memory is limited",
    met: "a limit for each container, without swap beyond it",
    violation: ({ memory }) =>
      isUnlimited(memory) ? "may use all of the host's memory" : undefined,
  },
  {
    id: "5.12",
    title: "The share of the processors is set",
    met: "a limit for each container",
    violation: (_, { HostConfig }) =>
      HostConfig.NanoCpus > 0 || HostConfig.CpuShares > 0
        ? undefined
        : "may use all of the host's processors",
  },
  {
    id: "5.13",
    title: "The root file system is read-only",
    met: "a read-only root, with a `/tmp` in memory and volumes for what is kept or large",
    violation: ({ readOnlyRoot }) =>
      readOnlyRoot === false ? "can write to its root file system" : undefined,
  },
  {
    id: "5.14",
    title: "Published ports are bound to one interface",
    met: "an address is always given: loopback for the services, `address` for the proxy and Kapow!",
    violation: (_, { HostConfig }) => {
      const open = bindings(HostConfig).filter(({ HostIp }) =>
        ["", "0.0.0.0", "::"].includes(HostIp),
      );
      return open.length > 0
        ? `publishes port ${open.map((b) => b.HostPort).join(", ")} at every address`
        : undefined;
    },
  },
  {
    id: "5.15",
    title: "Restarts are limited: `no`, or `on-failure` with at most 5",
    met: "see the exceptions",
    violation: (container) =>
      restartsMoreThan(5, container)
        ? `is restarted without end (${container.restart})`
        : undefined,
  },
  {
    id: "5.16",
    title: "The host's process namespace is not shared",
    met: "a namespace for each container",
    violation: shares("process"),
  },
  {
    id: "5.17",
    title: "The host's IPC namespace is not shared",
    met: "a private namespace for each container",
    violation: shares("IPC"),
  },
  {
    id: "5.18",
    title: "No device of the host is exposed",
    met: "no container has one",
    violation: (_, { HostConfig }) =>
      (HostConfig.Devices ?? []).length > 0 ? "has devices of the host" : undefined,
  },
  {
    id: "5.20",
    title: "Mounts are not propagated to the host",
    met: "volumes, and private read-only binds",
    violation: (_, { Mounts }) =>
      Mounts.some(({ Propagation = "" }) => ["shared", "rshared"].includes(Propagation))
        ? "has a mount that is shared with the host"
        : undefined,
  },
  {
    id: "5.21",
    title: "The host's UTS namespace is not shared",
    met: "a host name for each container",
    violation: shares("UTS"),
  },
  {
    id: "5.22",
    title: "The default seccomp profile is not disabled",
    met: "the engine's default profile, which nothing switches off",
    violation: (container) =>
      isOff(container, "seccomp") ? "runs without a seccomp profile" : undefined,
  },
  {
    id: "5.25",
    title: "The control group is the engine's own",
    met: "no container names another",
    violation: (_, { HostConfig }) =>
      HostConfig.CgroupParent === "" ? undefined : `is in the cgroup ${HostConfig.CgroupParent}`,
  },
  {
    id: "5.26",
    title: "No additional privileges can be acquired",
    met: "`no-new-privileges` for every container",
    violation: (container) =>
      canGainPrivileges(container) ? "can acquire new privileges" : undefined,
  },
  {
    id: "5.27",
    title: "Health is checked at run time",
    met: "`up` waits until each container is healthy, and the engine goes on asking",
    violation: (_, { State }) =>
      State.Health?.Status === undefined || State.Health.Status === "none"
        ? "has no state of health"
        : undefined,
  },
  {
    id: "5.29",
    title: "The number of processes is limited",
    met: "a limit for each container (`resources.pids`), 50 for a task",
    violation: (_, { HostConfig }) =>
      isUnlimited(HostConfig.PidsLimit ?? 0) ? "may start any number of processes" : undefined,
  },
  {
    id: "5.30",
    title: "The default bridge `docker0` is not used",
    met: "networks of the stack's own",
    violation: (_, { NetworkSettings }) =>
      "bridge" in (NetworkSettings.Networks ?? {}) ? "is on the default bridge" : undefined,
  },
  {
    id: "5.31",
    title: "The host's user namespaces are not shared",
    met: "an engine that remaps users does so for every container",
    violation: shares("user"),
  },
  {
    id: "5.32",
    title: "The engine's socket is not mounted",
    met: "no container has it",
    violation: ({ hostPaths }) =>
      hostPaths.some((path) => leadsToEngine(path) === "socket")
        ? "has the engine's socket"
        : undefined,
  },
];

function bindings({ PortBindings }: InspectedContainer["HostConfig"]) {
  return Object.values(PortBindings ?? {}).flatMap((list) => list ?? []);
}

function shares(namespace: Namespace) {
  return (container: Container) =>
    sharedNamespaces(container).includes(namespace)
      ? `shares the host's ${namespace} namespace`
      : undefined;
}

function isIn(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`);
}

function isOff(container: Container, confinement: Confinement): boolean {
  return switchedOff(container, confinement).length > 0;
}

function engineHas({ SecurityOptions }: EngineInfo, name: string): boolean {
  return (SecurityOptions ?? []).some((option) => option.split(",").includes(`name=${name}`));
}
