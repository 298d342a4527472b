import { urlHost } from "../../render/serverNames.ts";
import { UserError } from "../errors.ts";
import { ask, NoConnection, type Question, type Reply } from "./probe.ts";

/** One door of the proxy, as a client knows it. */
export interface CheckedDoor {
  /** The service behind it. */
  readonly name: string;
  readonly port: number;
  readonly access: "password" | "certificate" | "either" | "both";
  /** A path that answers GET with 2xx. @default `/`, which has to answer `up` */
  readonly route?: string | undefined;
  /** Where the proxy listens, if that is an address of this machine. */
  readonly address?: string | undefined;
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
 * Calls a door as a stranger, and then with what it asks for. A name that leads to this machine from
 * outside only (a NAT that has no way back in) is called at the address where the proxy listens.
 *
 * @returns What the operator should know, though the door is as it should be.
 * @throws UserError when the stranger is let in, or the friend is not: with the cause in one sentence
 */
export async function checkDoor(callers: Callers, door: CheckedDoor): Promise<string | undefined> {
  const { serverName, serverCa, credential, client } = callers;
  const url = `https://${urlHost(serverName)}:${door.port}${door.route ?? "/"}`;
  const { target, reply: stranger, note } = await reach({ url, ca: serverCa }, door);
  const asksCertificate = door.access === "certificate" || door.access === "both";

  const due = asksCertificate ? 403 : 401;
  if (stranger.status !== due) {
    throw new UserError(
      `${url} answers ${stranger.status} to a caller without a ${asksCertificate ? "certificate" : "password"}; ${due} is due: the door is open`,
    );
  }
  if (asksCertificate && client === undefined) {
    return note; // Only owners of keys that are elsewhere get in, or nobody.
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
  return note;
}

/** A stranger's answer, by the name, or else at the proxy's own address. */
async function reach(
  target: Question,
  { address }: CheckedDoor,
): Promise<{ target: Question; reply: Reply; note?: string }> {
  try {
    return { target, reply: await ask(target) };
  } catch (error) {
    if (!(error instanceof NoConnection) || address === undefined) {
      throw error;
    }
    const near = { ...target, connectTo: address };
    const reply = await ask(near).catch(() => Promise.reject(error));
    const { host } = new URL(target.url);
    const note =
      `${host} can't be called by its name from this machine, so the proxy was called at ${address}, where all is well: ` +
      "make sure that clients reach it by the name";
    return { target: near, reply, note };
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
