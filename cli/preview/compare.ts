/** What a change means for callers: rotated secrets, and who loses or gains access. */
import { endpointText, isLoopback, isUnspecified } from "../../settings/addresses.ts";
import { accountChanges } from "../../render/kmsAccounts.ts";
import { consequences } from "../../settings/rotationNumbers.ts";
import { ofDoors } from "./doors.ts";
import { CLIENTS, ofHolders, USERS } from "./holders.ts";
import type { Listener, StackView } from "./stackView.ts";
import { theRole } from "./words.ts";

/** Each string is a sentence without a full stop. */
export interface Difference {
  readonly rotated: readonly string[];
  readonly lost: readonly string[];
  readonly gained: readonly string[];
  /** What the KMS can't delete. */
  readonly stays: readonly string[];
  /** Accounts that the KMS gets. */
  readonly accounts: readonly string[];
  /** Ports that are new, or move to another address. */
  readonly opened: readonly string[];
  readonly closed: readonly string[];
}

/** Compares a stack before and after the change. */
export function compare(before: StackView, after: StackView): Difference {
  const users = ofHolders(before, after, USERS);
  const clients = ofHolders(before, after, CLIENTS);
  const authorities = ofAuthorities(before, after);
  const doors = ofDoors(before, after);
  const accounts = after.accounts && accountChanges(before.accounts, after.accounts);
  return {
    rotated: [
      ...users.rotated,
      ...clients.rotated,
      ...authorities.rotated,
      ...ofNumbers(before, after),
    ],
    lost: [
      ...users.lost,
      ...clients.lost,
      ...authorities.lost,
      ...doors.lost,
      ...ofNames(before, after),
    ],
    gained: [...users.gained, ...clients.gained, ...doors.gained],
    stays: accounts?.stays ?? [],
    accounts: accounts?.gained ?? [],
    opened: without(after.listeners, before.listeners)
      .sort((a, b) => exposure(b) - exposure(a))
      .map(
        (listener) => `${theRole(listener.role)} at ${endpointText(listener)}: ${reach(listener)}`,
      ),
    closed: without(before.listeners, after.listeners).map(
      (listener) => `${theRole(listener.role)} at ${endpointText(listener)}`,
    ),
  };
}

function ofAuthorities(before: StackView, after: StackView) {
  const rotated: string[] = [];
  const lost: string[] = [];
  for (const which of ["server", "client"] as const) {
    const [old, now] = [before.authorities[which], after.authorities[which]];
    const fresh = now.filter((number) => !old.includes(number));
    const gone = old.filter((number) => !now.includes(number));
    const kept = now.filter((number) => old.includes(number));
    if (old.length > 0 && fresh.length > 0) {
      const task =
        which === "server"
          ? "hand out the new output serverCa to all callers"
          : "each client gets a new certificate for its key: hand it over";
      const overlap = kept.length > 0 ? ` before ${kept.join(", ")} is retired` : "";
      rotated.push(`${which} CA: number ${fresh.join(", ")} signs; ${task}${overlap}`);
    }
    if (gone.length > 0 && now.length > 0) {
      lost.push(
        which === "server"
          ? `callers that trust only server CA number ${gone.join(", ")}`
          : `clients whose certificate is signed by client CA number ${gone.join(", ")}`,
      );
    }
  }
  return { rotated, lost };
}

/** The proxy refuses a handshake for a removed name, and its certificate has only the new ones. */
function ofNames({ serverNames: before }: StackView, { serverNames: after }: StackView): string[] {
  return Object.entries(after).flatMap(([whose, now]) => {
    const gone = (before[whose] ?? []).filter((name) => !now.includes(name));
    const where = whose === "proxy" ? "" : `${theRole(whose)} at its own port as `;
    return gone.length === 0
      ? []
      : [
          `callers of ${where}${gone.join(", ")}: refused after the change; ` +
            `tell them the new name, ${now[0]}, beforehand`,
        ];
  });
}

function ofNumbers({ numbers: before }: StackView, { numbers: after }: StackView): string[] {
  const raised = (name: string, sentence: (number: number) => string) => {
    const [old, now] = [before[name], after[name]];
    return old === undefined || now === undefined || old === now ? [] : [sentence(now)];
  };
  return [
    ...consequences(before, after),
    ...raised(
      "serverCertificate",
      (number) => `the proxy's key and certificate: number ${number}; callers notice nothing`,
    ),
    ...(["kms", "backend"] as const).flatMap((service) =>
      raised(
        `${service}Database`,
        (number) =>
          `passwords of ${theRole(`${service}-db`)}: number ${number}; the previous ones are removed`,
      ),
    ),
  ];
}

function without(list: readonly Listener[], others: readonly Listener[]): Listener[] {
  const key = (listener: Listener) => `${listener.role} ${endpointText(listener)}`;
  const known = new Set(others.map(key));
  return list.filter((listener) => !known.has(key(listener)));
}

const exposure = ({ address }: Listener): number =>
  isLoopback(address) ? 0 : isUnspecified(address) ? 2 : 1;

/** From where a listener can be reached. */
function reach({ address }: Listener): string {
  return isLoopback(address)
    ? "from the Docker host only"
    : isUnspecified(address)
      ? "from EVERY network of the Docker host"
      : `from the network of ${address}`;
}
