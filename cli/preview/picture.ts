/** Who may call a stack and where it listens: one picture of it as it is, one as it would be. */
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

export interface Picture {
  readonly users: Holders;
  readonly clients: Holders;
  /** Numbers of the authorities that are trusted. */
  readonly authorities: Readonly<Record<"server" | "client", readonly number[]>>;
  readonly numbers: RotationNumbers;
  /** What each door asks for, as far as it is known. */
  readonly doors: Readonly<Record<string, Access>>;
  readonly listeners: readonly Listener[];
  /** The host names in the certificates, by whose: the proxy's and Kapow!'s own. */
  readonly serverNames: Readonly<Record<string, string>>;
}

const CONTAINER = "docker:index/container:Container";

/** The picture that the resources make, as they are (`old`) or as they would be (`next`). */
export function pictureOf(steps: readonly Step[], side: "old" | "next"): Picture {
  const there = steps.filter((step) => step[side] !== undefined);
  const smoke = there.find(({ type, name }) => /:Command$/.test(type) && name === "smoke");
  const recorded = (smoke?.[side]?.["environment"] ?? {}) as Record<string, unknown>;
  const numbers = parsed<number>(recorded["ROTATION"]);
  const named = (type: RegExp, name: RegExp) =>
    there.flatMap((step) => {
      const [, who = "", generation] = (type.test(step.urn) && name.exec(step.name)) || [];
      return generation === undefined ? [] : [{ who, generation: Number(generation) }];
    });
  const authorities = named(/cybexp:tls:CertificateAuthority::/, /^(server|client)-ca-(\d+)$/);
  const trusted = (which: string) =>
    authorities.filter(({ who }) => who === which).map(({ generation }) => generation);
  return {
    users: holders(
      named(/cybexp:index:UserList\$.*:RandomPassword::/, /^user-(.+)-(\d+)$/),
      () => 0,
    ),
    clients: holders(
      named(/cybexp:tls:ClientCertificate::/, /^client-(.+)-(\d+)$/),
      (name) => numbers[`refused client ${name}`] ?? 0,
    ),
    authorities: { server: trusted("server"), client: trusted("client") },
    numbers,
    doors: parsed<Access>(recorded["ACCESS"]),
    listeners: there.flatMap((step) =>
      step.type === CONTAINER ? listenersOf(step.name, step[side] ?? {}) : [],
    ),
    serverNames: Object.fromEntries(
      there.flatMap((step) => {
        const whose = REQUESTS[step.name];
        const [name] = listOf<unknown>(step[side]?.["dnsNames"]);
        return whose !== undefined && typeof name === "string" ? [[whose, name]] : [];
      }),
    ),
  };
}

/** The certificate requests that have a host name, and who answers to it. */
const REQUESTS: Readonly<Record<string, string>> = {
  "server-certificate-request": "proxy",
  "kapow-certificate-request": "kapow",
};

/** What the check from outside was given, as JSON; empty where it is not known yet. */
function parsed<T>(text: unknown): Record<string, T> {
  return typeof text === "string" && text.startsWith("{")
    ? (JSON.parse(text) as Record<string, T>)
    : {};
}

function holders(
  found: readonly { readonly who: string; readonly generation: number }[],
  refusedUpTo: (name: string) => number,
): Holders {
  const all = new Map<string, number[]>();
  for (const { who, generation } of found) {
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
  const role = labels.find(({ label }) => label === "cybexp.role")?.value;
  return typeof role === "string" ? role : name;
}

/** Unknown until the update, it is no list. */
function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : [];
}
