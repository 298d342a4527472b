import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { renderModuleConfig } from "../render/moduleConfig.ts";
import { mintToken } from "../render/token.ts";
import type { ModuleSettings } from "../settings/types.ts";
import type { UserList } from "./userList.ts";

export interface ModuleConfigsArgs {
  readonly kmsUrl: string;
  readonly backendUrl: string;
  readonly users: UserList;
  /** The KMS's token-signing key. */
  readonly jwtKey: pulumi.Input<string>;
  /** Part of the tokens' ids. */
  readonly jwtKeyGeneration: number;
  /** Numbers of the modules' own config.yaml that differ from the defaults. @default none */
  readonly overrides?: ModuleSettings["config"];
}

/** The KMS's token for a user's modules. Secret. */
export function userToken(of: { key: string; user: string; generation: number }): string {
  return mintToken({
    key: of.key,
    subject: of.user,
    // The KMS's tokens never expire. With a fixed time, a second `up` changes nothing.
    issuedAt: 0,
    tokenId: `${of.user}-${of.generation}`,
  });
}

/**
 * A complete config.yaml for each user's modules, with the password and a token in it, so that people who run a
 * collector copy nothing by hand.
 */
export class ModuleConfigs extends pulumi.ComponentResource {
  /** User name -> the text. Secret. */
  readonly configs: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: ModuleConfigsArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.moduleConfigs, name, {}, opts);

    this.configs = pulumi.secret(
      pulumi.all([args.users.credentials, args.jwtKey]).apply(([credentials, key]) =>
        Object.fromEntries(
          Object.entries(credentials).map(([userName, credential]) => [
            userName,
            renderModuleConfig({
              kmsUrl: args.kmsUrl,
              backendUrl: args.backendUrl,
              ...credential,
              ...(args.overrides && { overrides: args.overrides }),
              token: userToken({ key, user: userName, generation: args.jwtKeyGeneration }),
            }),
          ]),
        ),
      ),
    );
    this.registerOutputs({ configs: this.configs });
  }
}
