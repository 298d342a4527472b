import { createServer } from "node:net";
import {
  collectorParts,
  dockerName,
  type Kind,
  KINDS,
  LABEL,
  labelTemplate,
  ours as ownerOf,
  optionalParts,
  parts,
} from "../names/docker.ts";
import { UserError } from "../programs/errors.ts";
import { type DeclaredListener, declaredListeners } from "../settings/listeners.ts";
import { holderOf } from "../settings/heldPorts.ts";
import type { CollectorSettings, Settings } from "../settings/types.ts";
import { isLocal } from "../programs/docker/engine.ts";
import { publishedListeners } from "../programs/smoke/listeners.ts";
import type { Session } from "./session.ts";
import type { StackState } from "./state.ts";

/**
 * Looks for what would make `up` fail halfway: names in Docker that are taken, and ports that cannot be
 * bound. Reports all problems together.
 */
export async function preflight(
  session: Session,
  state: StackState,
  settings: Settings,
): Promise<void> {
  const listeners = declaredListeners(settings);
  const [names, ports] = await Promise.all([
    foreignNames(session, state, settings),
    isLocal(session.engine.host) ? unusablePorts(session, state, listeners) : [],
  ]);
  const problems = [...names, ...ports];
  if (problems.length > 0) {
    throw new UserError(problems.join("\n       "));
  }
}

/** The names that a stack uses, or would use if its config asked for more. */
export function namesOf(
  kind: Kind,
  stack: string,
  { collector }: { readonly collector: readonly Pick<CollectorSettings, "name">[] },
): ReadonlySet<string> {
  const all = [
    ...parts[kind],
    ...optionalParts[kind],
    ...collector.flatMap(({ name }) => collectorParts(name)[kind]),
  ];
  return new Set(all.map((part) => dockerName(stack, part)));
}

/** Things with one of our names that carry another deployment's id, or none. */
async function foreignNames(
  session: Session,
  state: StackState,
  settings: Settings,
): Promise<string[]> {
  const found = await Promise.all(
    KINDS.map((kind) => foreignOfKind(kind, session, state, settings)),
  );
  return found.flat();
}

async function foreignOfKind(
  kind: Kind,
  session: Session,
  state: StackState,
  settings: Settings,
): Promise<string[]> {
  const problems: string[] = [];
  const ours = namesOf(kind, session.stack, settings);
  const all = kind === "container" ? ["--all"] : [];
  const name = kind === "container" ? "{{.Names}}" : "{{.Name}}";
  const format = `${name}\t${labelTemplate("deployment")}`;
  const list = await session.docker.run([kind, "ls", ...all, "--format", format]);
  for (const line of list.split("\n")) {
    const [found = "", owner = ""] = line.split("\t");
    if (ours.has(found) && owner !== (state.deployment ?? "none yet")) {
      problems.push(
        `the ${kind} ${found} exists but does not belong to this stack (${owner ? `it belongs to deployment ${owner}` : `it has no label ${LABEL.deployment}`}): ` +
          `remove it with \`docker ${kind} rm ${kind === "container" ? "-f " : ""}${found}\` if nobody needs it, ` +
          "or choose another stack name with STACK=name",
      );
    }
  }
  return problems;
}

/** Ports that cannot be bound, except those that a container of ours holds and gives up in time. */
async function unusablePorts(
  session: Session,
  state: StackState,
  listeners: readonly DeclaredListener[],
): Promise<string[]> {
  // From `docker inspect`: `docker ps` joins neighbouring ports and spells addresses in its own way.
  const held =
    state.deployment === undefined
      ? []
      : await publishedListeners(session.docker, ownerOf(state.deployment));
  const problems: string[] = [];
  for (const wanted of listeners) {
    const { role, address, port } = wanted;
    const where = `port ${port} at ${address}, which the stack's config gives to ${role},`;
    const holder = holderOf(wanted, held);
    if (typeof holder === "object") {
      problems.push(
        `${where} is still held by this stack's own ${holder.role}, which gives it up too late: ` +
          `move ${holder.role} to its new port with one \`up\`, and give ${role} this port with the next`,
      );
    }
    const trouble = holder === "nobody" ? await tryToListen(address, port) : undefined;
    if (trouble === "EADDRINUSE") {
      problems.push(
        `${where} is in use by another program: end that program (\`ss -ltnp\` or \`lsof -i :${port}\` shows it), or change the port`,
      );
    } else if (trouble === "EADDRNOTAVAIL") {
      problems.push(
        `${where} cannot be bound, because this machine has no address ${address}: set one of its own addresses, or 0.0.0.0 for the proxy`,
      );
    }
  }
  return problems;
}

/** The error's code; undefined if the port can be bound. */
export function tryToListen(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
