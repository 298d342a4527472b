import { UserError } from "./errors.ts";
import { ask, type Question, type Reply } from "./probe.ts";

/** One door of the proxy, as a client knows it. */
export interface CheckedDoor {
  /** The service behind it. */
  readonly name: string;
  readonly port: number;
  readonly access: "password" | "certificate" | "either" | "both";
  /** A path that answers GET with 2xx. @default `/`, which has to answer `up` */
  readonly route?: string | undefined;
}

/** Who calls, and what they trust. */
export interface Callers {
  readonly serverName: string;
  /** PEM. */
  readonly serverCa: string;
  readonly credential: { readonly user: string; readonly password: string };
  /** A client whose key is known, if there is any. */
  readonly client?: NonNullable<Question["client"]> | undefined;
}

/**
 * Calls a door as a stranger, and then with what it asks for.
 *
 * @throws UserError when the stranger is let in, or the friend is not: with the cause in one sentence
 */
export async function checkDoor(callers: Callers, door: CheckedDoor): Promise<void> {
  const { serverName, serverCa, credential, client } = callers;
  const url = `https://${serverName}:${door.port}${door.route ?? "/"}`;
  const target = { url, ca: serverCa };
  const asksCertificate = door.access === "certificate" || door.access === "both";

  const stranger = await ask(target);
  const due = asksCertificate ? 403 : 401;
  if (stranger.status !== due) {
    throw new UserError(
      `${url} answers ${stranger.status} to a caller without a ${asksCertificate ? "certificate" : "password"}; ${due} is due: the door is open`,
    );
  }
  if (asksCertificate && client === undefined) {
    return; // Only owners of keys that are elsewhere get in, or nobody.
  }

  const friend = await ask({
    ...target,
    ...(door.access !== "certificate" && { credential }),
    ...(asksCertificate && client && { client }),
  });
  const well =
    door.route === undefined
      ? friend.status === 200 && friend.body.trim() === "up"
      : friend.status >= 200 && friend.status < 300;
  if (!well) {
    throw new UserError(`${url} ${explain(friend, door, credential.user)}`);
  }
}

function explain(reply: Reply, { name: service, route }: CheckedDoor, user: string): string {
  switch (reply.status) {
    case 401:
      return `refuses the password of ${user} (401): the proxy serves another user list than this stack's`;
    case 403:
      return `refuses a certificate of this stack's (403): ${reply.body.trim()}`;
    case 502:
      return `answers 502: the proxy cannot reach the ${service} container; see \`docker logs\` of it`;
    case 504:
      return `answers 504: the ${service} took too long to answer; its database may be unreachable`;
    default:
      return `answers ${reply.status} where ${route === undefined ? '"up" with status 200' : "a status of 2xx"} is due`;
  }
}
