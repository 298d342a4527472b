/** Who may call a stack, and where it listens, before or after a change. */
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
import type { WantedAccounts } from "../../render/kmsAccounts.ts";
import { COMMAND, COMPONENT, CONTAINER, RANDOM_PASSWORD } from "../../names/types.ts";
import type { RotationNumbers } from "../../settings/rotationNumbers.ts";
import type { Access } from "../../settings/types.ts";
import type { Inputs, Step } from "./events.ts";

/** For each name, the generations whose password or certificate is valid. */
export type Holders = ReadonlyMap<string, readonly number[]>;

/** A port that a container publishes on the Docker host. */
export interface Listener {
  /** The container's role, or its name if it has none. */
  readonly role: string;
  readonly address: string;
  readonly port: number;
}

export interface StackView {
  readonly users: Holders;
  readonly clients: Holders;
  /** The numbers of the trusted authorities. */
  readonly authorities: Readonly<Record<"server" | "client", readonly number[]>>;
  readonly numbers: RotationNumbers;
  /** The accounts that the KMS has for the stack; undefined if there are none, or they aren't known. */
  readonly accounts: WantedAccounts | undefined;
  /** What each door asks for, as far as it is known. */
  readonly doors: Readonly<Record<string, Access>>;
  readonly listeners: readonly Listener[];
  /** The names in the certificates of the proxy and Kapow!, by role. The first one is in the URLs. */
  readonly serverNames: Readonly<Record<string, readonly string[]>>;
}

/** The view of a stack, from its resources before (`old`) or after (`next`) the change. */
export function stackViewOf(steps: readonly Step[], side: "old" | "next"): StackView {
  const there = steps.filter((step) => step[side] !== undefined);
  const smoke = there.find(({ type, name }) => type === COMMAND && name === NAME.smoke)?.[side];
  const numbers = parsed<number>(recorded("rotation", smoke));
  const accounts = recorded(
    "accounts",
    there.find(({ type, name }) => type === COMMAND && name === NAME.kmsAccounts)?.[side],
  );
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
    accounts: accounts?.startsWith("{") ? (JSON.parse(accounts) as WantedAccounts) : undefined,
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

/** The certificate requests with host names, and the role that they belong to. */
const REQUESTS: Readonly<Record<string, string>> = {
  [requestName(NAME.serverCertificate)]: PROXY,
  [requestName(NAME.kapowCertificate)]: KAPOW,
};

/** JSON from the smoke check's input; empty if it is not known yet. */
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

/** A container's role from its label, or else its name in the program. */
export function roleOf(name: string, inputs: Inputs): string {
  const labels = listOf<{ readonly label?: string; readonly value?: unknown }>(inputs["labels"]);
  const role = labels.find(({ label }) => label === LABEL.role)?.value;
  return typeof role === "string" ? role : name;
}

/** The value if it is a list. It is none while it is unknown until the update. */
function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}
