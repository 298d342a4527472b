/** Reads a container as a program declares it. */
import { CONTAINER } from "../../names/types.ts";
import type { Container, Maybe, Namespace } from "../hardening/container.ts";
import type { ResourceRule, Settings } from "./rule.ts";
import { objectsOf, type Properties, textOf, UNKNOWN } from "./unknown.ts";

/** A rule about a container by itself. */
interface ContainerRule extends Omit<ResourceRule, "types" | "check"> {
  /** Gives a sentence for each violation, as a rule about any resource does. */
  readonly check: (
    container: Container,
    settings: Settings,
    props: Properties,
  ) => readonly string[];
}

export const containerRule = ({ check, ...description }: ContainerRule): ResourceRule => ({
  ...description,
  types: [CONTAINER],
  check: ({ props }, settings) => check(declared(props), settings, props),
});

/** The properties that put a container into namespaces. The provider has none for the UTS namespace. */
export const NAMESPACE_PROPERTIES: Readonly<Partial<Record<Namespace, string>>> = {
  network: "networkMode",
  process: "pidMode",
  IPC: "ipcMode",
  user: "usernsMode",
  cgroup: "cgroupnsMode",
};

/** The provider has memory in these. */
export const MIB = 1024 * 1024;

export function declared(props: Properties): Container {
  const [{ adds } = { adds: props["capabilities"] }] = objectsOf([props["capabilities"]]);
  return {
    user: known(props["user"], textOf),
    privileged: known(props["privileged"], isTrue),
    readOnlyRoot: known(props["readOnly"], isTrue),
    namespaces: Object.fromEntries(
      Object.entries(NAMESPACE_PROPERTIES).map(([namespace, property]) => [
        namespace,
        known(props[property], textOf),
      ]),
    ),
    addedCapabilities: textsOf(adds),
    securityOptions: textsOf(props["securityOpts"]),
    healthCheck: healthCheck(props["healthcheck"]),
    memory: known(props["memory"], (memory) => numberOf(memory) * MIB),
    restart: known(props["restart"], textOf),
    retries: known(props["maxRetryCount"], numberOf),
    publishesAllPorts: known(props["publishAllPorts"], isTrue),
    hostPaths: [
      ...objectsOf(props["volumes"]).map(({ hostPath }) => textOf(hostPath)),
      ...objectsOf(props["mounts"])
        .filter(({ type }) => type === "bind")
        .map(({ source }) => textOf(source)),
    ],
  };
}

function healthCheck(declaration: unknown): Maybe<string> {
  const [check] = objectsOf([declaration]);
  if (check === undefined) {
    return known(declaration, () => "");
  }
  const { tests } = check;
  return known(Array.isArray(tests) ? tests[0] : tests, (kind) => textOf(kind) || "NONE");
}

const known = <T>(value: unknown, read: (value: unknown) => T): Maybe<T> =>
  value === UNKNOWN ? undefined : read(value);

const isTrue = (value: unknown) => value === true;
const numberOf = (value: unknown) => (typeof value === "number" ? value : 0);

/** A list that is unknown as a whole has one item that is. */
export const textsOf = (list: unknown): readonly Maybe<string>[] =>
  (list === UNKNOWN ? [UNKNOWN] : Array.isArray(list) ? list : []).map((item: unknown) =>
    known(item, textOf),
  );
