import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { accountPassword, ADMINISTRATOR_PASSWORD, RECORDED } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { type AccountMemory, areKeysGivenUp, wantedAccounts } from "../render/kmsAccounts.ts";
import { mintToken } from "../render/token.ts";
import type { UserSettings } from "../settings/types.ts";
import { connectionOf, type Deployment } from "./deployment.ts";
import type { Kms } from "./kms.ts";
import { Program } from "./program.ts";

export interface KmsAccountsArgs {
  readonly deployment: Deployment;
  readonly kms: Kms;
  /** What is checked first: with other keys, the KMS would make other keys for users, too. @default nothing */
  readonly after?: pulumi.Resource;
  /** The administrator's name. */
  readonly administrator: string;
  /** Those with attributes get an account. */
  readonly users: readonly Pick<UserSettings, "name" | "attributes">[];
  /** What the operator has given up, as `PART@MARK`. @default nothing */
  readonly lost?: readonly string[];
  /** Part of the tokens' ids. */
  readonly jwtKeyGeneration: number;
}

/** An account of the KMS. */
export interface KmsAccount {
  readonly user: string;
  /** Its password for `/login`; absent if the account was there before, with another one. */
  readonly password?: string;
  /** Goes into `X-Authorization: Bearer`. */
  readonly token: string;
  /** Why there is no password. */
  readonly note?: string;
}

export interface KmsUser extends KmsAccount {
  /** As the KMS stores them. */
  readonly attributes: readonly string[];
}

/**
 * The KMS's administrator and users. The stack signs their tokens itself, with the key that the KMS checks them
 * with. So a new key gives new tokens, and an account that was there before gets one, too.
 */
export class KmsAccounts extends pulumi.ComponentResource {
  /** Secret. */
  readonly administrator: pulumi.Output<KmsAccount>;
  /** Name -> account. Secret. */
  readonly users: pulumi.Output<Record<string, KmsUser>>;

  constructor(name: string, args: KmsAccountsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.kmsAccounts, name, {}, opts);
    const { deployment, kms, jwtKeyGeneration } = args;
    const holder = (user: string, password: pulumi.Output<string>) =>
      pulumi.all([password, kms.jwtKey]).apply(([text, key]) => ({
        name: user,
        password: text,
        token: mintToken({
          key,
          subject: user,
          // The KMS's tokens never expire. With a fixed time, a second `up` changes nothing.
          issuedAt: 0,
          tokenId: `${user}-${jwtKeyGeneration}`,
        }),
      }));

    const administrator = holder(args.administrator, this.#password(ADMINISTRATOR_PASSWORD));
    const wanted = wantedAccounts(args.administrator, args.users);
    const users = pulumi.all(
      Object.entries(wanted.users).map(([user, attributes]) =>
        holder(user, this.#password(accountPassword(user))).apply((all) => ({
          ...all,
          attributes: [...attributes],
        })),
      ),
    );

    const program = new Program(
      name,
      {
        program: "accounts",
        input: pulumi.secret({
          dockerHost: connectionOf(deployment),
          container: kms.service.containerId,
          administrator,
          users,
          givenUp: areKeysGivenUp(args.lost ?? []),
        }),
        because: {
          // Its accounts may be gone with a database of before.
          DATABASE: kms.database.identity,
          // For a preview, which compares it.
          [RECORDED.accounts]: JSON.stringify(wanted),
        },
        remembers: true,
      },
      { parent: this, ...(args.after && { dependsOn: args.after }) },
    );

    const known = pulumi
      .all([administrator, users, program.stdout])
      .apply(([first, others, text]) => told(first, others, JSON.parse(text) as AccountMemory));
    this.administrator = pulumi.secret(known.apply((all) => all.administrator));
    this.users = pulumi.secret(known.apply((all) => all.users));
    this.registerOutputs({ administrator: this.administrator, users: this.users });
  }

  /** For one account, for good: the KMS has no way to change a password. */
  #password(name: string): pulumi.Output<string> {
    // 32 letters and digits: 190 bits.
    return new random.RandomPassword(name, { length: 32, special: false }, { parent: this }).result;
  }
}

interface Holder {
  readonly name: string;
  readonly password: string;
  readonly token: string;
}

const FOREIGN = "The account was there before this stack, so its password is not known here.";

function told(
  administrator: Holder,
  users: readonly (Holder & { readonly attributes: readonly string[] })[],
  memory: AccountMemory,
) {
  const account = ({ name, password, token }: Holder, ours: boolean): KmsAccount => ({
    user: name,
    ...(ours ? { password } : { note: FOREIGN }),
    token,
  });
  return {
    administrator: account(administrator, memory.administrator.ours),
    users: Object.fromEntries(
      users.map((user): [string, KmsUser] => [
        user.name,
        {
          ...account(user, memory.users[user.name]?.ours === true),
          attributes: user.attributes,
        },
      ]),
    ),
  };
}
