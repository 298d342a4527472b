/**
 * Makes the KMS's administrator and the accounts that the config asks for, and checks that their tokens are good.
 * Prints what the next run has to know. Run again, it makes what is missing.
 */
import {
  type AccountMemory,
  departed,
  judgeAdministrator,
  judgeUser,
  type KmsAccount,
  type RememberedAccount,
} from "../../render/kmsAccounts.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import {
  accountMemory,
  type AccountsInput,
  accountsInput,
  type Holder,
  troublesOfTokens,
} from "./accountTokens.ts";
import { KmsInside } from "./kms.ts";

await runProgram(
  accountsInput,
  ({ users }) => 300 + 10 * users.length,
  async (input) => {
    const kms = new KmsInside(new Docker(input.dockerHost), input.container);
    // The command provider puts the command's last output there.
    const last = process.env["PULUMI_COMMAND_STDOUT"];
    const memory = last ? accountMemory.parse(JSON.parse(last)) : undefined;

    const before = await lookAll(kms, input);
    const missing = wanting(before, input);
    if (missing.administrator) {
      const { name, password } = input.administrator;
      await kms.makeAdministrator(name, password);
    }
    await requireGoodTokens(kms, { ...input, users: [] });
    await kms.forget(missing.remade);
    for (const user of missing.users) {
      await makeUser(kms, user, input.administrator.token);
    }
    await requireGoodTokens(kms, input);

    const after = await lookAll(kms, input);
    const made = new Set([
      ...(missing.administrator ? [input.administrator.name] : []),
      ...missing.users.map(({ name }) => name),
    ]);
    const now = await remembered(kms, input, { after, made, memory });
    tell(now, memory);
    process.stdout.write(JSON.stringify(now));
  },
);

async function lookAll(kms: KmsInside, input: AccountsInput): Promise<Map<string, KmsAccount>> {
  const names = [input.administrator, ...input.users].map(({ name }) => name);
  const found = await kms.look(names);
  if (found === undefined) {
    throw new UserError(
      "the KMS can't reach its database, so its accounts are unknown: see the log of both",
    );
  }
  return found;
}

/**
 * Whom the KMS has no account of.
 *
 * @throws UserError for accounts that can't become what they should be
 */
function wanting(
  found: ReadonlyMap<string, KmsAccount>,
  { administrator, users, givenUp }: AccountsInput,
) {
  const at = (name: string) => found.get(name) ?? { account: null, recorded: null, key: null };
  const judged = [
    judgeAdministrator(administrator.name, at(administrator.name)),
    ...users.map((user) => judgeUser(user, at(user.name), givenUp)),
  ];
  const wrong = judged.flatMap((verdict) => (verdict.is === "wrong" ? [verdict.text] : []));
  if (wrong.length > 0) {
    throw new UserError(wrong.join("\n"));
  }
  const [first, ...others] = judged;
  return {
    administrator: first?.is === "make",
    users: users.filter((_, index) => /make/.test(others[index]?.is ?? "")),
    remade: users.filter((_, index) => others[index]?.is === "remake").map(({ name }) => name),
  };
}

async function makeUser(kms: KmsInside, user: AccountsInput["users"][number], token: string) {
  const { name, password, attributes } = user;
  const body = { username: name, password, password2: password, attributes };
  const [answer] = await kms.call([{ method: "POST", path: "/user/create", token, body }]);
  if (answer?.status !== 201) {
    // Its texts are fixed, or pages of an error.
    const said = answer?.status === 409 ? "there is one already" : `answer ${answer?.status}`;
    throw new UserError(`the KMS did not make the account ${name}: ${said}; see its log`);
  }
}

async function requireGoodTokens(kms: KmsInside, input: AccountsInput): Promise<void> {
  const troubles = await troublesOfTokens(kms, input);
  if (troubles.length > 0) {
    throw new UserError(troubles.join("\n"));
  }
}

interface Found {
  readonly after: ReadonlyMap<string, KmsAccount>;
  /** Names of accounts that this run has made. */
  readonly made: ReadonlySet<string>;
  readonly memory: AccountMemory | undefined;
}

/** Whose passwords are the stack's. Only an account that nothing is known of has to log in. */
async function remembered(
  kms: KmsInside,
  { administrator, users }: AccountsInput,
  { after, made, memory }: Found,
): Promise<AccountMemory> {
  const everybody: readonly Holder[] = [administrator, ...users];
  const idOf = (name: string) => after.get(name)?.account?.made ?? "";
  const before = (name: string): RememberedAccount | undefined =>
    name === memory?.administrator.name ? memory.administrator : memory?.users[name];
  const isKnown = ({ name }: Holder) => made.has(name) || before(name)?.made === idOf(name);
  const unknown = everybody.filter((holder) => !isKnown(holder));
  const answers = await kms.call(
    unknown.map(({ name, password }) => ({
      method: "POST",
      path: "/login",
      body: { username: name, password },
    })),
  );
  const isOurs = (holder: Holder) =>
    made.has(holder.name) ||
    (isKnown(holder)
      ? before(holder.name)?.ours === true
      : answers[unknown.indexOf(holder)]?.status === 200);
  const account = (holder: Holder) => ({ made: idOf(holder.name), ours: isOurs(holder) });
  return {
    administrator: { name: administrator.name, ...account(administrator) },
    users: Object.fromEntries(users.map((user) => [user.name, account(user)])),
  };
}

/** What the operator should know. */
function tell({ administrator, users }: AccountMemory, before: AccountMemory | undefined): void {
  const adopted = Object.entries({ [administrator.name]: administrator, ...users })
    .filter(([name, { ours, made }]) => !ours && madeBefore(name, before) !== made)
    .map(
      ([name]) =>
        `the KMS's account ${name} was there before: its token is the stack's, and its password is not`,
    );
  const gone = Object.keys(before?.users ?? {}).filter((name) => !(name in users));
  const earlier = before?.administrator.name;
  const notes = [
    ...adopted,
    ...[...gone, ...(earlier === undefined || earlier === administrator.name ? [] : [earlier])].map(
      departed,
    ),
  ];
  for (const note of notes) {
    process.stderr.write(`note: ${note}\n`);
  }
}

function madeBefore(name: string, before: AccountMemory | undefined): string | undefined {
  return name === before?.administrator.name
    ? before.administrator.made
    : before?.users[name]?.made;
}
