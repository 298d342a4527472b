import { matching, matchingSecret } from "./check.ts";
import { type ConfigOverrides, type ServiceConfig, withOverrides } from "./serviceConfig.ts";
import { renderPlainValue, renderYaml } from "./yaml.ts";

export interface ModuleConfig {
  /** `https://host:port`. */
  readonly kmsUrl: string;
  /** `https://host:port`. */
  readonly backendUrl: string;
  /** The name and password for the proxy; the password is secret. */
  readonly user: string;
  readonly password: string;
  /** The KMS's token. Secret. */
  readonly token: string;
  /** The operator's own values. @default none */
  readonly overrides?: ConfigOverrides;
  /** The collector's policy: a map, or its YAML text, which is kept as it is. @default a short one to adapt */
  readonly policy?: string | Readonly<Record<string, unknown>>;
  /** Debug flags that are on. @default none */
  readonly debug?: Readonly<Record<string, unknown>>;
}

/** With the collector's own `web_conn_listen` of 0, connections that come at the same time are lost. */
export const moduleConfigDefaults: ServiceConfig = {
  web_conn_listen: 128n,
  enc_worker_threads: 10n,
  max_post_retries: 5n,
};

/** Flags of the modules that print records, keys or the whole configuration: all off. */
const debugFlags = [
  "enabled",
  "process_only_one",
  "print_policy_config",
  "print_incoming_record",
  "show_enc_policy",
  "print_left_keys",
  "print_encrypted_record",
  "do_not_post_data",
  "print_was_posted",
];

const POLICY_NOTE =
  "# Adapt `policy`: a record none of whose fields matches a rule under `index` is dropped by the\n" +
  "# collector, and what is listed there can be compared, though not read, by the Backend.\n";

/**
 * A complete config.yaml for CYBEX-P's collector. The query module reads it, too. Its policy is a short form of
 * the collector's sample, for an operator to adapt. Secret.
 *
 * @throws RangeError for a URL that the modules can't use: they add `/path` to it as it is
 */
export function renderModuleConfig(config: ModuleConfig): string {
  const { max_post_retries = 5n, ...numbers } = withOverrides(
    moduleConfigDefaults,
    config.overrides ?? {},
    [],
    [],
  );
  const head = renderYaml({
    kms_access_key: matchingSecret("the token", config.token, /^[\w-]+\.[\w-]+\.[\w-]+$/, "a JWT"),
    // Both or none: with a user alone, the modules use neither.
    basic_auth: {
      user: matching("the user name", config.user, /^[^:]+$/, "a name without :"),
      pass: matchingSecret("the password", config.password, /./, "a text"),
    },
    kms: { url: baseUrl("the KMS's URL", config.kmsUrl) },
    backend_server: { url: baseUrl("the Backend's URL", config.backendUrl), max_post_retries },
    ...numbers,
  });
  const tail = renderYaml({
    debug: Object.fromEntries(debugFlags.map((flag) => [flag, config.debug?.[flag] === true])),
    key_files: {
      de: "/secrets/de.bin",
      ore: "/secrets/ore.bin",
      ore_params: "/secrets/ore_params.bin",
      cpabe_pub: "/secrets/cpabe_pub.bin",
      cpabe_secret: "/secrets/cpabe_secret.bin",
    },
  });
  return config.policy === undefined
    ? POLICY_NOTE + head + renderYaml({ policy: SHORT_POLICY }) + tail
    : head + policyText(config.policy) + tail;
}

const SHORT_POLICY = {
  default: { de_encrypt: false, abe_pol: "default" },
  index: {
    full_index_overwrite: false,
    exact: [{ match: "ipv4" }],
    regex: [{ match: ".*src.*" }],
  },
  timestamp: { exact: ["time", "timestamp"], regex: [] },
  exact: [],
  regex: [],
};

/** A text keeps its types, whatever YAML has for them: only its indentation changes. */
function policyText(policy: NonNullable<ModuleConfig["policy"]>): string {
  return typeof policy === "string"
    ? `policy:\n${policy
        .replace(/\r\n?/g, "\n")
        .replace(/^(?=.)/gm, "  ")
        .trimEnd()}\n`
    : renderPlainValue("policy", policy);
}

function baseUrl(what: string, url: string): string {
  return matching(
    what,
    url,
    /^https?:\/\/[^/?#@\s]+$/,
    "https://host:port without a slash at its end",
  );
}
