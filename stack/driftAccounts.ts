/** Finds accounts that the KMS has lost, and accounts that can't become what the config says. */
import { dockerName } from "../names/docker.ts";
import { NAME, nameIn, recorded } from "../names/resources.ts";
import { COMMAND } from "../names/types.ts";
import { UserError } from "../programs/errors.ts";
import { KmsInside } from "../programs/kms/kms.ts";
import {
  type AccountVerdict,
  areKeysGivenUp,
  judgeAdministrator,
  judgeUser,
  type KmsAccount,
  wantedAccounts,
  type WantedAccounts,
} from "../render/kmsAccounts.ts";
import type { Settings } from "../settings/types.ts";
import type { Drift } from "./driftRepairs.ts";
import type { Session } from "./session.ts";
import type { ExportedResource } from "./state.ts";

export interface AccountLook {
  readonly settings: Pick<Settings, "kms" | "users" | "lost">;
}

/** Seconds for the KMS's database to answer. If it takes longer, others report it. */
const PATIENCE = 5;

/** Asks a running KMS that has accounts of the stack. If it can't be asked, others report it. */
export async function driftOfAccounts(
  { docker, stack }: Pick<Session, "docker" | "stack">,
  resources: readonly ExportedResource[],
  { settings }: AccountLook,
): Promise<Drift[]> {
  const program = resources.find(
    ({ type, urn }) => type === COMMAND && nameIn(urn) === NAME.kmsAccounts,
  );
  const container = dockerName(stack, "kms");
  const info = await docker.inspect<ContainerInfo>("container", container);
  if (program === undefined || info?.State.Running !== true || info.State.Paused) {
    return [];
  }
  const wanted = wantedAccounts(settings.kms.administrator.name, settings.users);
  const found = await lookedUp(new KmsInside(docker, container), [
    wanted.administrator,
    ...Object.keys(wanted.users),
  ]);
  return found === undefined
    ? []
    : driftIn(found, {
        urn: program.urn,
        wanted,
        before: accountsOf(program),
        givenUp: areKeysGivenUp(settings.lost),
      });
}

interface ContainerInfo {
  readonly State: { readonly Running: boolean; readonly Paused: boolean };
}

async function lookedUp(kms: KmsInside, names: readonly string[]) {
  try {
    return await kms.look(names, PATIENCE);
  } catch (error) {
    if (error instanceof UserError) {
      return undefined;
    }
    throw error;
  }
}

/** The accounts of the last `up` that made them; undefined if none did. */
export function accountsOf({ inputs }: ExportedResource): WantedAccounts | undefined {
  const text = recorded("accounts", inputs);
  return text === undefined ? undefined : (JSON.parse(text) as WantedAccounts);
}

export interface AccountQuestion {
  readonly urn: string;
  readonly wanted: WantedAccounts;
  readonly before: WantedAccounts | undefined;
  readonly givenUp: boolean;
}

/** What differs from what the config says, and from what the last `up` made. */
export function driftIn(
  found: ReadonlyMap<string, KmsAccount>,
  { urn, wanted, before, givenUp }: AccountQuestion,
): Drift[] {
  const { administrator, users } = wanted;
  const at = (name: string) => found.get(name) ?? { account: null, recorded: null, key: null };
  const drift = (verdict: AccountVerdict, wasThere: boolean, who: string): Drift[] =>
    verdict.is === "wrong"
      ? [{ urn, why: verdict.text, mend: "by hand" }]
      : verdict.is === "remake"
        ? [{ urn, why: `the key of ${who} at the KMS is given up`, mend: "again" }]
        : verdict.is === "make" && wasThere
          ? [{ urn, why: `the KMS has lost ${who}`, mend: "again" }]
          : [];
  return [
    ...drift(
      judgeAdministrator(administrator, at(administrator)),
      before?.administrator === administrator,
      `its administrator ${administrator}`,
    ),
    ...Object.entries(users).flatMap(([name, attributes]) =>
      drift(
        judgeUser({ name, attributes }, at(name), givenUp),
        before !== undefined && name in before.users,
        `the account ${name}`,
      ),
    ),
  ];
}
