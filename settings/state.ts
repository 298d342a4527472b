/**
 * Where a stack's state is kept, and what encrypts the secrets in it: Pulumi's own URLs. They are in the
 * stack's file, which is not secret, so they must not contain a secret.
 */
import { Fault } from "./fault.ts";

const CREDENTIALS =
  "Put credentials into the environment (AWS_ACCESS_KEY_ID, PULUMI_ACCESS_TOKEN, ...), never into the stack's file.";

/** The parameters that Pulumi's stores accept in their URLs (gocloud.dev), except those for secrets. */
const AWS = ["region", "endpoint", "profile", "role", "awssdk", "hostname_immutable"];
const AWS_TUNING = ["dualstack", "fips", "rate_limiter_capacity", "anonymous"];
const CHECKSUMS = ["request_checksum_calculation", "response_checksum_validation"];
const PATH_STYLE = ["s3ForcePathStyle", "use_path_style", "disableSSL", "disable_https"];

/** One kind of URL: what may follow its scheme, and the parameters that it accepts. */
interface Kind {
  readonly rest: RegExp;
  readonly parameters: readonly string[];
  readonly example: string;
}

const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]*(\/[^\s?#]*)?$/;

const backends: Readonly<Record<string, Kind>> = {
  file: {
    rest: /^\/[^?#]*[^?#/]$/,
    parameters: ["metadata", "no_tmp_dir", "create_dir", "dir_file_mode"],
    example: "file:///srv/cybexp-state",
  },
  s3: {
    rest: BUCKET,
    parameters: [
      ...AWS,
      ...AWS_TUNING,
      ...CHECKSUMS,
      ...PATH_STYLE,
      ...["prefix", "ssetype", "kmskeyid", "accelerate"],
    ],
    example: "s3://bucket?region=eu-central-1",
  },
  gs: {
    rest: BUCKET,
    parameters: ["prefix", "access_id", "private_key_path", "anonymous", "universe_domain"],
    example: "gs://bucket",
  },
  azblob: {
    rest: BUCKET,
    parameters: ["prefix", "storage_account", "domain", "protocol", "cdn", "localemu"],
    example: "azblob://container?storage_account=name",
  },
  https: {
    rest: /^[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?(\/[^\s?#]*)?$/,
    parameters: [],
    example: "https://api.pulumi.com",
  },
};

const KEY_PATH = /^[A-Za-z0-9._:-][A-Za-z0-9._:/-]*$/;

const keyServices: Readonly<Record<string, Kind>> = {
  awskms: {
    rest: /^(\/)?[A-Za-z0-9._:-][A-Za-z0-9._:/-]*$/,
    parameters: [...AWS, ...AWS_TUNING, "context_*"],
    example: "awskms://alias/cybexp?region=eu-central-1",
  },
  gcpkms: {
    rest: KEY_PATH,
    parameters: ["additional_authenticated_data"],
    example: "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
  },
  azurekeyvault: {
    rest: KEY_PATH,
    parameters: ["algorithm"],
    example: "azurekeyvault://vault.vault.azure.net/keys/cybexp",
  },
  hashivault: { rest: KEY_PATH, parameters: ["engine"], example: "hashivault://cybexp" },
};

/** What a production stack does not do. */
export const STATE_IN_CLONE =
  "its state would be in this clone (.cybexp/), beside the passphrase that decrypts it";

const examplesOf = (kinds: Readonly<Record<string, Kind>>): string =>
  Object.values(kinds)
    .slice(0, 2)
    .map(({ example }) => example)
    .join(" or ");

/** What to write instead of no backend. */
export const BACKEND_EXAMPLES = examplesOf(backends);

/** The backend's URL as Pulumi takes it, without any credential. */
export function parseBackend(raw: unknown): string | Fault {
  return parseUrl(
    raw,
    backends,
    "file:///path, s3://, gs://, azblob:// or https:// (Pulumi Cloud)",
  );
}

/** `passphrase`, `default` (Pulumi Cloud's own keys), or the URL of a key in a key service. */
export function parseSecretsProvider(raw: unknown): string | Fault {
  return raw === "passphrase" || raw === "default"
    ? raw
    : parseUrl(
        raw,
        keyServices,
        "passphrase, default (Pulumi Cloud's own), awskms://, gcpkms://, azurekeyvault:// or hashivault://",
      );
}

/** Whether the state is in Pulumi Cloud, or on a server that speaks its protocol. */
export function isPulumiCloud(backend: string): boolean {
  return backend.startsWith("https://");
}

/** The folder of a `file://` backend; undefined for any other. */
export function folderOf(backend: string): string | undefined {
  return /^file:\/\/(\/[^?]*)/.exec(backend)?.[1];
}

function parseUrl(
  raw: unknown,
  kinds: Readonly<Record<string, Kind>>,
  forms: string,
): string | Fault {
  const allowed = `Allowed: ${forms}.`;
  const [, scheme = "", rest = "", query] =
    (typeof raw === "string" && /^([a-z0-9]+):\/\/([^?]*)(?:\?(.*))?$/.exec(raw)) || [];
  const kind = Object.hasOwn(kinds, scheme) ? kinds[scheme] : undefined;
  if (typeof raw !== "string" || kind === undefined) {
    return new Fault(allowed, `Write, for example, ${examplesOf(kinds)}.`, shown(raw));
  }
  if (rest.includes("@")) {
    return new Fault("It has a user name or password before the @.", CREDENTIALS, shown(raw));
  }
  const unknown = parameterNames(query).find((name) => !isParameter(name, kind.parameters));
  if (unknown !== undefined) {
    const taken = kind.parameters.length === 0 ? "no parameters" : kind.parameters.join(", ");
    return new Fault(
      `A parameter after the ? is unknown, or is a secret. Allowed with ${scheme}://: ${taken}.`,
      `Remove it. ${CREDENTIALS}`,
      shown(raw),
    );
  }
  return kind.rest.test(rest)
    ? raw
    : new Fault(
        `This is not a complete ${scheme}:// URL. ${allowed}`,
        `Write, for example, ${kind.example}.`,
        shown(raw),
      );
}

/** The part of a URL that a report may show: what follows a ? may be a secret. */
function shown(raw: unknown): string | undefined {
  return typeof raw === "string" && raw.includes("?")
    ? `${raw.slice(0, raw.indexOf("?"))}?...`
    : undefined;
}

function parameterNames(query: string | undefined): string[] {
  return query === undefined ? [] : [...new URLSearchParams(query).keys()];
}

function isParameter(name: string, known: readonly string[]): boolean {
  return known.some((found) =>
    found.endsWith("*") ? name.startsWith(found.slice(0, -1)) : name === found,
  );
}
