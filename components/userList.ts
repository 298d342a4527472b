import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { type HtpasswdEntry, renderHtpasswd } from "../render/htpasswd.ts";
import type { UserSettings } from "../settings/types.ts";

export interface UserListArgs {
  readonly users: readonly UserSettings[];
}

/** What a client sends. */
export interface Credential {
  readonly user: string;
  readonly password: string;
}

/** The one list of who may call: the same htpasswd serves the KMS and the Backend. */
export class UserList extends pulumi.ComponentResource {
  /** Name -> what the client sends now. Secret. */
  readonly credentials: pulumi.Output<Record<string, Credential>>;
  /** The file for Nginx. Secret. */
  readonly htpasswd: pulumi.Output<string>;

  constructor(name: string, args: UserListArgs, opts?: pulumi.ComponentResourceOptions) {
    super("cybexp:index:UserList", name, {}, opts);

    const entries = pulumi.all(args.users.map((user) => this.#entry(name, user)));
    this.htpasswd = pulumi.secret(entries.apply((list) => renderHtpasswd(list)));
    this.credentials = pulumi.secret(
      entries.apply((list) =>
        Object.fromEntries(
          list.map(({ name: user, password }): [string, Credential] => [user, { user, password }]),
        ),
      ),
    );
    this.registerOutputs({ credentials: this.credentials });
  }

  #entry(prefix: string, user: UserSettings): pulumi.Output<HtpasswdEntry> {
    const password = this.#password(`${prefix}-${user.name}`, user);
    const salt = this.#salt(`${prefix}-${user.name}-salt`, user);
    return pulumi
      .all([password, salt])
      .apply(([text, saltText]) => ({ name: user.name, password: text, salt: saltText }));
  }

  /** The operator's own password, else 32 random letters and digits (190 bits). */
  #password(name: string, user: UserSettings): pulumi.Output<string> {
    if (user.password !== undefined) {
      return pulumi.secret(user.password);
    }
    return new random.RandomPassword(
      name,
      { length: 32, special: false, keepers: { generation: String(user.generation) } },
      { parent: this },
    ).result;
  }

  /** In the state, so that a second `up` renders the same hash. */
  #salt(name: string, user: UserSettings): pulumi.Output<string> {
    return new random.RandomBytes(
      name,
      { length: 16, keepers: { generation: String(user.generation) } },
      { parent: this },
    ).base64;
  }
}
