import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { memberName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { type HtpasswdEntry, renderHtpasswd } from "../render/htpasswd.ts";
import { passwordDigest } from "../render/passwordDigest.ts";
import { overlaps } from "../settings/overlaps.ts";
import type { UserSettings } from "../settings/types.ts";
import { RotatedPassword } from "./rotatedPassword.ts";

/** A user who is good while on the list: generation 1, nothing retired. */
export type ListedUser = Pick<UserSettings, "name"> & Partial<UserSettings>;

/** Arguments of {@link UserList}. */
export interface UserListArgs {
  readonly users: readonly ListedUser[];
}

/** What a client sends. */
export interface Credential {
  readonly user: string;
  readonly password: string;
}

/** What Nginx checks passwords against. */
export interface PasswordCheck {
  readonly salt: string;
  /** User name -> digest of the password in use. */
  readonly digests: Record<string, string>;
  /** The file that Nginx looks into next: each user's previous password while that is good. */
  readonly htpasswd: string;
}

/**
 * The one list of who may call: the same check serves the KMS and the Backend. In an overlap a user
 * has two passwords under one name: the new one in memory, the previous one in the htpasswd file.
 */
export class UserList extends pulumi.ComponentResource {
  /** Name -> what the client sends now. Secret. */
  readonly credentials: pulumi.Output<Record<string, Credential>>;
  /** Secret. */
  readonly check: pulumi.Output<PasswordCheck>;

  constructor(name: string, args: UserListArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.userList, name, {}, opts);

    const salt = new random.RandomPassword(
      `${name}-salt`,
      { length: 32, special: false },
      { parent: this },
    ).result;
    const users = args.users.map((user) => this.#passwords(name, user));

    this.credentials = pulumi.secret(
      pulumi
        .all(users)
        .apply((list) =>
          Object.fromEntries(
            list.map(({ name: user, current }): [string, Credential] => [
              user,
              { user, password: current },
            ]),
          ),
        ),
    );
    this.check = pulumi.secret(
      pulumi.all([salt, pulumi.all(users)]).apply(([saltText, list]) => ({
        salt: saltText,
        digests: Object.fromEntries(
          list.map(({ name: user, current }): [string, string] => [
            user,
            passwordDigest({ salt: saltText, name: user, password: current }),
          ]),
        ),
        htpasswd: renderHtpasswd(
          list.map(({ name: user, current, previous, fileSalt }): HtpasswdEntry => ({
            name: user,
            password: previous ?? current,
            salt: fileSalt,
          })),
        ),
      })),
    );
    this.registerOutputs({ credentials: this.credentials });
  }

  #passwords(prefix: string, user: ListedUser) {
    const { generation = 1, retired = 0 } = user;
    const password = new RotatedPassword(
      memberName(prefix, user.name),
      {
        generation,
        withPrevious: overlaps(generation, retired),
        supplied: user.password ?? "",
      },
      { parent: this },
    );
    // In the state, so that a second `up` renders the same hash.
    const fileSalt = new random.RandomBytes(
      `${memberName(prefix, user.name)}-salt`,
      { length: 16 },
      { parent: this },
    ).base64;
    return pulumi
      .all([password.current, password.previous ?? "", fileSalt])
      .apply(([current, previous, saltText]) => ({
        name: user.name,
        current,
        previous: previous === "" ? undefined : previous,
        fileSalt: saltText,
      }));
  }
}
