import { urlHost } from "../../render/serverNames.ts";
import { UserError } from "../errors.ts";
import { ask, NoConnection, type Question, type Reply } from "./probe.ts";

/** One door of the proxy, as a client sees it. */
export interface CheckedDoor {
  /** The service behind it. */
  readonly name: string;
  readonly port: number;
  readonly access: "password" | "certificate" | "either" | "both";
  /** A path that answers GET with 2xx. @default `/`, which must answer `up` */
  readonly route?: string | undefined;
  /** The status there, in place of 2xx. */
  readonly status?: number | undefined;
  /** The body there, without white space at its ends. @default any */
  readonly body?: string | undefined;
  /** Where the proxy listens, if that is an address of this machine. */
  readonly address?: string | undefined;
}

/** Who calls, and which authority they trust. */
export interface Callers {
  readonly serverName: string;
  /** PEM. */
  readonly serverCa: string;
  /** A user, if there is any. */
  readonly credential?: { readonly user: string; readonly password: string } | undefined;
  /** A client whose key is known, if there is any. */
  readonly client?: NonNullable<Question["client"]> | undefined;
}

/**
 * Calls a door without credentials, and then with those that it asks for. If the name works only from
 * outside (behind a NAT without a way back in), the door is called at the address where the proxy listens.
 *
 * @returns A note for the operator, even though the door is fine.
 * @throws UserError when the first call is let in or the second is not, with the cause in one sentence
 */
export async function checkDoor(callers: Callers, door: CheckedDoor): Promise<string | undefined> {
  const { serverName, serverCa, credential, client } = callers;
  const url = `https://${urlHost(serverName)}:${door.port}${door.route ?? "/"}`;
  const { target, reply: stranger, note } = await reach({ url, ca: serverCa }, door);
  const asksCertificate = door.access === "certificate" || door.access === "both";

  const due = asksCertificate ? 403 : 401;
  if (stranger.status !== due) {
    throw new UserError(
      `${url} answers ${stranger.status} to a caller without a ${asksCertificate ? "certificate" : "password"} instead of ${due}: the door is open`,
    );
  }
  const asksPassword = door.access !== "certificate";
  if ((asksCertificate && client === undefined) || (asksPassword && credential === undefined)) {
    return note; // Nobody gets in whose key or password is known here.
  }

  const friend = await ask({
    ...target,
    ...(asksPassword && credential && { credential }),
    ...(asksCertificate && client && { client }),
  });
  const answer = dueAnswer(door);
  if (!answer.status(friend.status)) {
    throw new UserError(`${url} ${explain(friend, door, credential?.user ?? "")}`);
  }
  if (answer.body !== undefined && friend.body.trim() !== answer.body.trim()) {
    throw new UserError(
      door.route === undefined
        ? `${url} ${explain(friend, door, credential?.user ?? "")}`
        : `${url} answers ${friend.status}, but with another body than is expected`,
    );
  }
  return note;
}

/** What a caller who is let in must get. */
function dueAnswer({ route, status, body }: CheckedDoor) {
  if (route === undefined) {
    return { status: (got: number) => got === 200, body: "up", words: '"up" with status 200' };
  }
  return {
    status: (got: number) => (status === undefined ? got >= 200 && got < 300 : got === status),
    body,
    words: status === undefined ? "a 2xx status" : String(status),
  };
}

/** The answer to a call without credentials, at the name or else at the proxy's own address. */
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
      `${host} can't be reached by its name from this machine, so the proxy was called at ${address}, where it works: ` +
      "make sure that clients can reach it by its name";
    return { target: near, reply, note };
  }
}

function explain(reply: Reply, door: CheckedDoor, user: string): string {
  const service = door.name;
  switch (reply.status) {
    case 401:
    case 429: // Of a refused password that is one too many from here.
      return `refuses the password of ${user} (${reply.status}): the proxy serves another user list than this stack's`;
    case 403:
      return `refuses a certificate of this stack (403): ${reply.body.trim()}`;
    case 502:
      return `answers 502: the proxy cannot reach the ${service} container; see its \`docker logs\``;
    case 504:
      return `answers 504: the ${service} took too long to answer; its database may be unreachable`;
    default:
      return `answers ${reply.status} instead of ${dueAnswer(door).words}`;
  }
}
