/** Why a backup is not restored into a stack, in one sentence each. */
import { SERVICES, type ServiceRole, SPOKEN } from "../../names/docker.ts";
import type { About, Manifest } from "./manifest.ts";

/** Where it would be restored. */
export interface Target {
  readonly stack: string;
  readonly deployment: string;
}

/** For a backup of another stack; undefined if it is this one's, or if the operator has named the other. */
export function strangerRefusal(
  { stack, deployment, created }: About,
  target: Target,
  fromStack: string | undefined,
): string | undefined {
  const what = `it is a backup of ${stack} (deployment ${deployment}, ${created})`;
  if (fromStack !== undefined && fromStack !== stack) {
    return `${what}, and --from-stack says ${fromStack}`;
  }
  if (fromStack === stack || (stack === target.stack && deployment === target.deployment)) {
    return undefined;
  }
  return `${what}, and this is ${target.stack} (deployment ${target.deployment}): if that is right, add --from-stack ${stack}`;
}

/** For an empty stack of another name: names are in certificates, and everything in Docker has them. */
export function newStackRefusal(
  { stack, deployment, created }: About,
  target: string,
  fromStack: string | undefined,
): string | undefined {
  const what = `it is a backup of ${stack} (deployment ${deployment}, ${created})`;
  if (fromStack !== undefined && fromStack !== stack) {
    return `${what}, and --from-stack says ${fromStack}`;
  }
  return stack === target
    ? undefined
    : `${what}, and ${target} is not deployed: restore it as STACK=${stack}, or deploy ${target} first, which then keeps its own passwords and tokens`;
}

/** For a stack that has records or accounts, which would be replaced. */
export function dataRefusal(stack: string, records: readonly string[], replace: boolean) {
  return replace || records.length === 0
    ? undefined
    : `${stack} has data (${records.join(", ")}), and would lose it: back it up, and add --replace`;
}

/** For a KMS that would not find its keys under their names, and make new ones. */
export function keyRefusal({ keys }: Manifest, needed: readonly string[]): string | undefined {
  const missing = needed.filter((name) => !Object.hasOwn(keys, name));
  return missing.length === 0
    ? undefined
    : `the backup has no ${missing.join(", no ")}, which the KMS of this stack looks for: set DE_key_location and ORE_key_location in cybexp:kms.config as they were`;
}

/**
 * For an empty stack whose config has a database of the stack's own where the backup's had one of the operator's, or
 * the other way round: the state that comes back has the passwords of one, and not of the other.
 *
 * @param external The services whose database was outside of the stack.
 * @param places Where those are that the config names.
 */
export function placeRefusal(
  external: readonly ServiceRole[],
  places: Readonly<Partial<Record<ServiceRole, string>>>,
): string | undefined {
  const moved = SERVICES.find(
    (service) => external.includes(service) !== (places[service] !== undefined),
  );
  if (moved === undefined) {
    return undefined;
  }
  const then = "restore, and move it afterwards (docs/external-database.md)";
  return external.includes(moved)
    ? `the ${SPOKEN[moved]} had a database of your own, and cybexp:database.uri.${moved} names none: name one, ${then}`
    : `the ${SPOKEN[moved]} had a database that the stack ran, and cybexp:database.uri.${moved} names one of your own: remove it, ${then}`;
}
