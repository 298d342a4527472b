/**
 * What a stack's state has that no `up` can make again: the deployment's id, passwords, keys, authorities,
 * certificates and the rotation numbers. With it, an `up` on an empty engine deploys the same stack once more.
 */
import { SERVICES, type ServiceRole } from "../../names/docker.ts";
import { type ProgramName, programOf } from "../../names/programs.ts";
import { nameIn } from "../../names/resources.ts";
import { COMMAND, isInDocker } from "../../names/types.ts";
import { reachOf } from "../externalDatabases.ts";

/** A state as `pulumi stack export --show-secrets` gives it, and `stack import` takes it. */
export interface ClearState {
  readonly deployment: {
    readonly secrets_providers?: unknown;
    readonly pending_operations?: readonly unknown[];
    readonly resources?: readonly ClearResource[];
  } | null;
}

interface ClearResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly parent?: string;
  readonly provider?: string;
  readonly delete?: boolean;
  readonly dependencies?: readonly string[];
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Where the services' databases outside of the stack are (`placeOf`); none for a database that the stack runs. */
export type Places = Readonly<Partial<Record<ServiceRole, string>>>;

/** The programs whose output is a secret, a signature or a memory, and has nothing to do with an engine. */
const REMEMBERED: readonly (ProgramName | undefined)[] = ["crl", "sign-request", "rotation-guard"];

/**
 * The part of a state that is put back into an empty stack. Everything that is in Docker is left out, and every
 * program that makes or checks something there, so that the next `up` makes it anew.
 *
 * @param secretsProviders Those of the empty stack, which encrypt the secrets from then on.
 * @param places Where a restore brings the data. @default where it was
 */
export function keptState<S extends ClearState>(
  exported: S,
  secretsProviders: unknown,
  places?: Places,
): S {
  const resources = withPlaces(exported.deployment?.resources ?? [], places);
  const kept = withAncestors(
    resources.filter((each) => isKept(each) || isReach(each, resources)),
    resources,
  );
  const urns = new Set(kept.map(({ urn }) => urn));
  return {
    ...exported,
    deployment: {
      ...exported.deployment,
      secrets_providers: secretsProviders,
      pending_operations: [],
      resources: kept.map((resource) => withoutReferences(resource, urns)),
    },
  };
}

function isKept({ type, delete: doomed, inputs }: ClearResource): boolean {
  if (doomed || type.startsWith("cybexp:") || type.startsWith("pulumi:") || isInDocker(type)) {
    return false;
  }
  return type !== COMMAND || REMEMBERED.includes(programOf(inputs?.["create"]));
}

const isReach = (resource: ClearResource, all: readonly ClearResource[]): boolean =>
  SERVICES.some((service) => reachOf(all, service) === resource);

/**
 * What remembers where a database outside of the stack is, says where a restore brings the data. Otherwise the `up`
 * would take it for a move, or for somebody else's data.
 */
function withPlaces(
  resources: readonly ClearResource[],
  places: Places | undefined,
): readonly ClearResource[] {
  if (places === undefined) {
    return resources;
  }
  return resources.flatMap((resource) => {
    const service = SERVICES.find((each) => reachOf(resources, each) === resource);
    const place = service && places[service];
    if (service === undefined) {
      return [resource];
    }
    const stdout = resource.outputs?.["stdout"] as { readonly plaintext?: string } | undefined;
    if (place === undefined || stdout?.plaintext === undefined) {
      return [];
    }
    // Pulumi stores a secret as the JSON of its value, and this value is JSON itself.
    const told = JSON.parse(JSON.parse(stdout.plaintext) as string) as Record<string, unknown>;
    const plaintext = JSON.stringify(JSON.stringify({ ...told, place, documents: 0 }));
    return [{ ...resource, outputs: { ...resource.outputs, stdout: { ...stdout, plaintext } } }];
  });
}

/** The services whose database was outside of the stack. @param text As `pulumi stack export` gives it. */
export function externalIn(text: string): ServiceRole[] {
  const resources = (JSON.parse(text) as ClearState).deployment?.resources ?? [];
  return SERVICES.filter((service) => reachOf(resources, service) !== undefined);
}

/** With the components around them and their providers, in the order of the state. */
function withAncestors(
  kept: readonly ClearResource[],
  all: readonly ClearResource[],
): ClearResource[] {
  const known = new Map(all.map((resource) => [resource.urn, resource]));
  const wanted = new Set<string>();
  const want = (urn: string | undefined): void => {
    const resource = urn === undefined || wanted.has(urn) ? undefined : known.get(urn);
    if (resource !== undefined) {
      wanted.add(resource.urn);
      want(resource.parent);
      // `URN::ID`.
      want(resource.provider?.replace(/::[^:]+$/, ""));
    }
  };
  all.filter(({ type }) => type === "pulumi:pulumi:Stack").forEach(({ urn }) => want(urn));
  kept.forEach(({ urn }) => want(urn));
  return all.filter((resource) => wanted.has(resource.urn) && !resource.delete);
}

/** Pulumi refuses a state that mentions a resource which is not in it. */
function withoutReferences(resource: ClearResource, urns: ReadonlySet<string>): ClearResource {
  const among = (list: readonly string[] | null) => (list ?? []).filter((urn) => urns.has(urn));
  const { dependencies, propertyDependencies } = resource;
  return {
    ...resource,
    ...(dependencies && { dependencies: among(dependencies) }),
    ...(propertyDependencies && {
      propertyDependencies: Object.fromEntries(
        Object.entries(propertyDependencies).map(([name, list]) => [name, among(list)]),
      ),
    }),
  };
}

/** What is put back, in a few words each. */
export function namesIn({ deployment }: ClearState): string[] {
  return (deployment?.resources ?? [])
    .filter(({ type }) => !/^(cybexp|pulumi):/.test(type))
    .map(({ urn }) => nameIn(urn));
}
