/** Where a stack's state is kept, and what encrypts the secrets in it. */
import { Fault, type Parser } from "../settings/fault.ts";
import { valueAt } from "../settings/path.ts";
import { parseBackend, parseSecretsProvider } from "../settings/state.ts";
import { UserError } from "../programs/errors.ts";

export interface StateStore {
  /** The backend's URL, as Pulumi takes it; undefined for the embedded backend in this clone. */
  readonly url: string | undefined;
  /** As `pulumi stack init --secrets-provider` takes it; undefined leaves the choice to Pulumi. */
  readonly secretsProvider: string | undefined;
}

/**
 * What the stack's config says about it. A backend in the operator's environment wins.
 *
 * @throws UserError when the config has an invalid URL, such as one that contains a credential
 */
export function storeOf(
  stack: string,
  config: Readonly<Record<string, unknown>>,
  env: NodeJS.ProcessEnv = process.env,
): StateStore {
  const read = (key: string, parse: Parser<string>) => {
    const raw = valueAt(config, ["cybexp:state", key]);
    const value = raw === undefined ? undefined : parse(raw);
    if (value instanceof Fault) {
      throw new UserError(
        `cybexp:state.${key} in Pulumi.${stack}.yaml: ${value.reason} ${value.remedy}`,
      );
    }
    return value;
  };
  return {
    url: env["PULUMI_BACKEND_URL"] || read("backend", parseBackend),
    secretsProvider: read("secretsProvider", parseSecretsProvider),
  };
}

/** Whether this clone holds the state and the passphrase. */
export function isEmbedded({ url }: Pick<StateStore, "url">): boolean {
  return url === undefined;
}
