/** Accounts of the KMS: what is there, what is wanted, and what to say where the two don't fit. */
import { KMS_KEYS } from "../names/docker.ts";
import { KEY_FILES } from "../settings/keptParts.ts";
import { USER_KEY } from "./kmsScripts.ts";

/** What the KMS has under a name. */
export interface KmsAccount {
  /** The account in its database. */
  readonly account: {
    readonly admin: boolean;
    /** Differs between two accounts of the same name. */
    readonly made: string;
  } | null;
  /** The attributes in its database. They are those of the key when the account was made. */
  readonly recorded: readonly string[] | null;
  /** The user's key file. Its attributes are unknown if it has another form. */
  readonly key: {
    readonly attributes: readonly string[] | null;
    /** Whether the KMS's own key was made after it. */
    readonly older: boolean;
  } | null;
}

/** A user who should have an account. */
export interface WantedAccount {
  readonly name: string;
  /** As the KMS stores them. */
  readonly attributes: readonly string[];
}

/**
 * - `there`: as it should be
 * - `make`: the KMS can make it
 * - `remake`: the KMS can make it, once what is left of it is removed
 */
export type AccountVerdict =
  { readonly is: "there" | "make" | "remake" } | { readonly is: "wrong"; readonly text: string };

/** Whether the operator has given up the keys of the KMS, and with them those of its users. */
export const areKeysGivenUp = (lost: readonly string[]): boolean =>
  lost.some((entry) => entry.startsWith(`${KMS_KEYS}@`) || entry.startsWith(`${KEY_FILES}@`));

const list = (attributes: readonly string[]) => attributes.join(", ");

const isSame = (a: readonly string[], b: readonly string[]) =>
  a.length === b.length && a.every((one) => b.includes(one));

const keyFile = (name: string) => `/secrets/${USER_KEY}${name}.binary`;

/** Ends each sentence about an account that can't become what it should be. */
const ANOTHER =
  "Or list the user under a new name: the KMS makes it an account and a key of its own.";

/**
 * Judges what the KMS has of a user.
 *
 * @param givenUp Whether a key that is gone, or of an earlier master key, is given up.
 */
export function judgeUser(
  { name, attributes }: WantedAccount,
  { account, recorded, key }: KmsAccount,
  givenUp = false,
): AccountVerdict {
  const wrong = (text: string) => ({ is: "wrong" as const, text });
  // Of a key in an unknown form, the database tells.
  const held = key && (key.attributes ?? recorded);
  if (account?.admin === true) {
    return wrong(
      `${name} is an administrator of the KMS, and administrators have no key: it can't get the attributes ${list(attributes)}. ` +
        "List the user under another name, or without attributes.",
    );
  }
  if (givenUp && (key === null ? account !== null : key.older)) {
    return { is: "remake" };
  }
  if (account === null) {
    // The KMS gives a new account the key file that is there, and says nothing.
    return key === null || (held && isSame(held, attributes))
      ? { is: "make" }
      : wrong(
          `the KMS has no account ${name}, but a key for it (${keyFile(name)}) with ${held ? `the attributes ${list(held)}` : "unknown attributes"}, ` +
            `and the config has ${list(attributes)}: a new account would silently get the old key. Its database may be lost or older than its keys: ` +
            `restore both from one backup (docs/accounts.md). ${ANOTHER}`,
        );
  }
  if (key === null) {
    return wrong(
      `the KMS's account ${name} has no key any more: ${keyFile(name)} is gone, so ${name} can't read records. ` +
        `The KMS makes no second key with the right attributes (its /user/rekey is broken): copy the file back from a backup (docs/accounts.md). ${ANOTHER}`,
    );
  }
  if (held && isSame(held, attributes)) {
    return { is: "there" };
  }
  if (held && isSame(held, ["attributes"]) && recorded && isSame(recorded, attributes)) {
    return wrong(
      `the key of the KMS's account ${name} has the attribute "attributes" alone: /user/rekey made it, which is broken. ` +
        `Copy ${keyFile(name)} back from a backup (docs/accounts.md). ${ANOTHER}`,
    );
  }
  return wrong(
    `the KMS's account ${name} has ${held ? `the attributes ${list(held)}` : "a key with unknown attributes"}, and the config has ${list(attributes)}: ` +
      `the KMS can't change an account or its key. ${name} still reads what ${held ? list(held) : "its key"} may read. ` +
      `Put ${held ? list(held) : "the attributes"} back into the config. ${ANOTHER}`,
  );
}

/** Judges what the KMS has under the administrator's name. */
export function judgeAdministrator(name: string, { account }: KmsAccount): AccountVerdict {
  return account === null
    ? { is: "make" }
    : account.admin
      ? { is: "there" }
      : {
          is: "wrong",
          text:
            `the KMS has an account ${name} that is no administrator, and the KMS can't make it one: ` +
            "set cybexp:kms.administrator.name to another name.",
        };
}

/** What an answer of the KMS to a call means; undefined if it is the expected one. */
export interface Answer {
  readonly status: number;
  /** Bytes of the answer. */
  readonly size: number;
  /** What it says, unless it is what was asked for. */
  readonly text: string;
}

/** What to say about the answer to a token that the stack has signed. */
export function tokenTrouble(name: string, { status, text }: Answer): string | undefined {
  switch (status) {
    case 200:
      return undefined;
    case 0:
      return `the KMS does not answer in its own container (${text})`;
    case 401:
    case 422:
      return (
        `the KMS refuses the token of ${name} (${saidBy(text)}): it does not run with the FLASK_JWT_SECRET_KEY of the stack's state, ` +
        "so it refuses every module's token, too. Remove the KMS's container and run `up`, which starts it with that key"
      );
    default:
      return `the KMS answers ${status} to the token of ${name}: see its log`;
  }
}

/** What to say about the answer to a user's request for its own key. */
export function keyTrouble(name: string, { status, size }: Answer): string | undefined {
  return status === 200 && size > 0
    ? undefined
    : `the KMS does not hand ${name} its key (${status === 200 ? "an empty answer" : `answer ${status}`}): see its log`;
}

/** An empty request to create a user makes none, and tells whether its sender may. */
export function authorityTrouble(name: string, { status }: Answer): string | undefined {
  switch (status) {
    case 400:
      return undefined;
    case 403:
      return `the KMS does not let ${name} make users: it is no administrator, or the KMS can't reach its database`;
    default:
      return `the KMS answers ${status} to its administrator ${name}: see its log`;
  }
}

/** The message in an answer of flask-jwt-extended. */
function saidBy(text: string): string {
  const [, message] = /"msg":\s*"([^"\\]{1,80})"/.exec(text) ?? [];
  return message ?? "no reason given";
}

/** The accounts of the last `up`, and what it knew about them. No secret. */
export interface AccountMemory {
  readonly administrator: RememberedAccount & { readonly name: string };
  readonly users: Readonly<Record<string, RememberedAccount>>;
}

export interface RememberedAccount {
  /** Which account it was, as in `KmsAccount`. */
  readonly made: string;
  /** Whether its password is the stack's. */
  readonly ours: boolean;
}

/** What stays of a user that is no longer in the config, or has no attributes there any more. */
export function departed(name: string): string {
  return (
    `the KMS's account ${name} stays, because the KMS can't delete one: its token stays good until cybexp:rotation.kmsJwtKey is raised, ` +
    "and the proxy lets nobody in who isn't in cybexp:users or cybexp:clients"
  );
}

/** The accounts that a config asks for. */
export interface WantedAccounts {
  readonly administrator: string;
  /** User name -> attributes. */
  readonly users: Readonly<Record<string, readonly string[]>>;
}

export function wantedAccounts(
  administrator: string,
  users: readonly { readonly name: string; readonly attributes?: readonly string[] | undefined }[],
): WantedAccounts {
  return {
    administrator,
    users: Object.fromEntries(
      users.flatMap(({ name, attributes }) =>
        attributes === undefined ? [] : [[name, attributes]],
      ),
    ),
  };
}

/** What a change of the config means for the KMS's accounts. @param before Undefined if there were none. */
export function accountChanges(before: WantedAccounts | undefined, after: WantedAccounts) {
  const renamed = before !== undefined && before.administrator !== after.administrator;
  const removed = Object.keys(before?.users ?? {}).filter((name) => !(name in after.users));
  return {
    stays: [...(renamed ? [before.administrator] : []), ...removed].map(departed),
    gained: [
      ...(before === undefined || renamed
        ? [`the KMS gets an administrator ${after.administrator}, unless it has one of that name`]
        : []),
      ...Object.entries(after.users)
        .filter(([name]) => before === undefined || !(name in before.users))
        .map(
          ([name, attributes]) =>
            `the KMS gets an account ${name} with the attributes ${list(attributes)}`,
        ),
    ],
  };
}
