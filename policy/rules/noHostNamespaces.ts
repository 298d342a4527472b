import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { textOf } from "../pack/unknown.ts";

const NAMESPACES = [
  ["networkMode", "network"],
  ["pidMode", "process"],
  ["ipcMode", "IPC"],
  ["usernsMode", "user"],
  ["cgroupnsMode", "cgroup"],
] as const;

/** Containers are no part of the host: neither privileged nor in one of its namespaces. */
export const noHostNamespaces: ResourceRule = {
  name: "no-host-namespaces",
  description: "No container is privileged, or shares a namespace with the host.",
  reason:
    "What runs in such a container can reach the host's processes, network or devices " +
    "(CIS Docker 5.5, 5.10, 5.16, 5.17 and 5.31).",
  types: [CONTAINER],
  check: ({ props }) => [
    ...(props["privileged"] === true
      ? ["it is privileged, which is root on the host: remove privileged"]
      : []),
    ...NAMESPACES.filter(([property]) => textOf(props[property]) === "host").map(
      ([property, namespace]) =>
        `it is in the host's ${namespace} namespace: remove ${property}: "host"`,
    ),
  ],
};
