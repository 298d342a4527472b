/** Who may call a stack and where it listens: one view of it as it is, one as it would be. */
import { KAPOW, LABEL, PROXY } from "../../names/docker.ts";
import {
  generationIn,
  isPartOf,
  NAME,
  numberIn,
  recorded,
  requestName,
  typeIn,
} from "../../names/resources.ts";
import { COMMAND, COMPONENT, CONTAINER, RANDOM_PASSWORD } from "../../names/types.ts";
import type { RotationNumbers } from "../../settings/rotationNumbers.ts";
import type { Access } from "../../settings/types.ts";
import type { Inputs, Step } from "./events.ts";

/** Names and, of each, the generations whose password or certificate is good. */
export type Holders = ReadonlyMap<string, readonly number[]>;

/** A port that a container publishes on the Docker host. */
export interface Listener {
  /** The container's role, or its name where it has none. */
  readonly role: string;
  readonly address: string;
  readonly port: number;
}

export interface StackView {
  readonly users: Holders;
  readonly clients: Holders;
  /** Numbers of the authorities that are trusted. */
  readonly authorities: Readonly<Record<"server" | "client", readonly number[]>>;
  readonly numbers: RotationNumbers;
  /** What each door asks for, as far as it is known. */
  readonly doors: Readonly<Record<string, Access>>;
  readonly listeners: readonly Listener[];
  /** The names in the certificates, by whose: the proxy's and Kapow!'s own. The one in the URLs is the first. */
  readonly serverNames: Readonly<Record<string, readonly string[]>>;
}

/** What the resources say of it, as they are (`old`) or as they would be (`next`). */
export function stackViewOf(steps: readonly Step[], side: "old" | "next"): StackView {
  const there = steps.filter((step) => step[side] !== undefined);
  const smoke = there.find(({ type, name }) => type === COMMAND && name === NAME.smoke)?.[side];
  const numbers = parsed<number>(recorded("rotation", smoke));
  const named = (list: string, isOne: (urn: string) => boolean) =>
    there.flatMap(({ urn, name }) => (isOne(urn) ? (generationIn(list, name) ?? []) : []));
  const trusted = (authority: string) =>
    there
      .filter(({ urn }) => typeIn(urn) === COMPONENT.certificateAuthority)
      .flatMap(({ name }) => numberIn(authority, name) ?? []);
  return {
    users: holders(
      named(
        NAME.users,
        (urn) => isPartOf(COMPONENT.userList, urn) && typeIn(urn) === RANDOM_PASSWORD,
      ),
      () => 0,
    ),
    clients: holders(
      named(NAME.clients, (urn) => typeIn(urn) === COMPONENT.clientCertificate),
      (name) => numbers[`refused client ${name}`] ?? 0,
    ),
    authorities: { server: trusted(NAME.serverCa), client: trusted(NAME.clientCa) },
    numbers,
    doors: parsed<Access>(recorded("access", smoke)),
    listeners: there.flatMap((step) =>
      step.type === CONTAINER ? listenersOf(step.name, step[side] ?? {}) : [],
    ),
    serverNames: Object.fromEntries(
      there.flatMap((step) => {
        const whose = REQUESTS[step.name];
        const inputs = step[side] ?? {};
        const names = ["dnsNames", "ipAddresses"].flatMap((key) => listOf<string>(inputs[key]));
        return whose !== undefined && names.length > 0 ? [[whose, names]] : [];
      }),
    ),
  };
}

/** The certificate requests that have a host name, and who answers to it. */
const REQUESTS: Readonly<Record<string, string>> = {
  [requestName(NAME.serverCertificate)]: PROXY,
  [requestName(NAME.kapowCertificate)]: KAPOW,
};

/** What the check from outside was given, as JSON; empty where it is not known yet. */
function parsed<T>(text: string | undefined): Record<string, T> {
  return text?.startsWith("{") ? (JSON.parse(text) as Record<string, T>) : {};
}

function holders(
  found: readonly { readonly member: string; readonly generation: number }[],
  refusedUpTo: (name: string) => number,
): Holders {
  const all = new Map<string, number[]>();
  for (const { member: who, generation } of found) {
    const good = all.get(who) ?? [];
    all.set(
      who,
      generation > refusedUpTo(who) ? [...good, generation].sort((a, b) => a - b) : good,
    );
  }
  return all;
}

interface PublishedPort {
  readonly ip?: string;
  readonly external?: number;
}

function listenersOf(name: string, inputs: Inputs): Listener[] {
  return listOf<PublishedPort>(inputs["ports"]).map(({ ip, external = 0 }) => ({
    role: roleOf(name, inputs),
    // The engine's own default is every address.
    address: ip || "0.0.0.0",
    port: external,
  }));
}

/** A container's role by its label, else its name in the program. */
export function roleOf(name: string, inputs: Inputs): string {
  const labels = listOf<{ readonly label?: string; readonly value?: unknown }>(inputs["labels"]);
  const role = labels.find(({ label }) => label === LABEL.role)?.value;
  return typeof role === "string" ? role : name;
}

/** Unknown until the update, it is no list. */
function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}
