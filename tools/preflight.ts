import { createServer } from "node:net";
import { UserError } from "./lib/errors.ts";
import type { DeclaredListener } from "../settings/declaredListeners.ts";
import { isLocal } from "./lib/listeners.ts";
import type { Session } from "./session.ts";
import type { StackState } from "./state.ts";

/**
 * What would make `up` fail halfway is looked for first: names in Docker that somebody else has, and
 * ports that are taken. All of it is reported together.
 */
export async function preflight(
  session: Session,
  state: StackState,
  listeners: readonly DeclaredListener[],
): Promise<void> {
  const problems = [
    ...(await foreignNames(session, state)),
    ...(isLocal(session.engine.host) ? await takenPorts(session, state, listeners) : []),
  ];
  if (problems.length > 0) {
    throw new UserError(problems.join("\n       "));
  }
}

/** Things called like ours that carry another deployment's id, or none. */
async function foreignNames(session: Session, state: StackState): Promise<string[]> {
  const prefix = `cybexp-${session.stack}-`;
  const problems: string[] = [];
  for (const kind of ["container", "network", "volume"] as const) {
    const all = kind === "container" ? ["--all"] : [];
    const name = kind === "container" ? "{{.Names}}" : "{{.Name}}";
    const format = `${name}\t{{.Label "cybexp.deployment"}}`;
    const list = await session.docker.run([kind, "ls", ...all, "--format", format]);
    for (const line of list.split("\n")) {
      const [found = "", owner = ""] = line.split("\t");
      if (found.startsWith(prefix) && owner !== state.deployment) {
        problems.push(
          `the ${kind} ${found} exists and is not this stack's (${owner ? `it is deployment ${owner}'s` : "it has no label cybexp.deployment"}): ` +
            `remove it with \`docker ${kind} rm ${kind === "container" ? "-f " : ""}${found}\`, or choose another name with STACK=name`,
        );
      }
    }
  }
  return problems;
}

/** Ports that cannot be bound and that no container of ours holds already. */
async function takenPorts(
  session: Session,
  state: StackState,
  listeners: readonly DeclaredListener[],
): Promise<string[]> {
  const own = state.deployment
    ? await session.docker.run([
        "ps",
        "--filter",
        `label=cybexp.deployment=${state.deployment}`,
        "--format",
        "{{.Ports}}",
      ])
    : "";
  const problems: string[] = [];
  for (const { role, address, port } of listeners) {
    const host = address.includes(":") ? `[${address}]` : address;
    if (own.includes(`${host}:${port}->`) || (await canListen(address, port))) {
      continue;
    }
    problems.push(
      `port ${port} at ${address}, which the stack's config gives to ${role}, is taken by another program: ` +
        `end that program (\`ss -ltnp\` shows it), or change the port`,
    );
  }
  return problems;
}

function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
