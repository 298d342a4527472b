/** The text of a new environment's file: its config, with comments for the operator. */
import { stringify } from "yaml";
import { valueAt } from "../../settings/path.ts";
import { isProduction, type Values } from "./question.ts";

/** The file of an environment. @param header The lines at its top, without `#`. */
export function renderEnvironment(values: Values, header: readonly string[]): string {
  const production = isProduction(values);
  const at = (...path: PropertyKey[]) => valueAt(values, path);
  const lines = [
    ...header.map((line) => `# ${line}`.trimEnd()),
    "config:",
    ...(production
      ? [
          "  # Refuses demo images, images without a digest, throw-away volumes, and a passphrase in the repository.",
          "  cybexp:production: true",
        ]
      : []),
    ...(at("state") === undefined ? [] : renderState(at("state"))),
    "  # To use another machine's Docker engine:",
    "  # docker:host: ssh://operator@docker-host",
    "  cybexp:kms:",
    production
      ? "    # Your build of cybexp-kms-priv. A digest always names the same build; a tag can be moved."
      : "    # `npm run up` builds the demo images (cybexp-demo/...); no registry has them.",
    `    image: ${scalar(at("kms", "image"))}`,
    "    # The service itself, for the operator only: an address of 127.0.0.0/8, or ::1.",
    `    bind: ${scalar(at("kms", "bind"))}`,
    "    # The port where the proxy serves it over TLS.",
    `    listen: ${scalar(at("kms", "listen"))}`,
    ...renderAccess(at("kms", "access")),
    "  cybexp:backend:",
    ...(production ? ["    # Your build of cybexp-priv-backend."] : []),
    `    image: ${scalar(at("backend", "image"))}`,
    `    bind: ${scalar(at("backend", "bind"))}`,
    `    listen: ${scalar(at("backend", "listen"))}`,
    ...renderAccess(at("backend", "access")),
    "  cybexp:database:",
    `    image: ${scalar(at("database", "image"))}`,
    "  cybexp:proxy:",
    `    image: ${scalar(at("proxy", "image"))}`,
    "    # The name that clients call.",
    `    serverName: ${scalar(at("proxy", "serverName"))}`,
    "    # The Docker host's address in the network of those clients.",
    `    address: ${scalar(at("proxy", "address"))}`,
    ...renderClients(at("clients")),
    "  cybexp:users:",
    "    # One user for each program or person that calls. Raise `generation` for a new password.",
    "    # With `attributes: [research]`, a user gets an account in the KMS, too (docs/accounts.md).",
    ...renderNames(at("users")),
    "    # To use a password of your own, run this (never write it here in clear):",
    "    #   npm run pulumi -- config set --secret --path 'cybexp:users[0].password'",
    ...(at("throwaway") === true
      ? ["  # `npm run down` removes the data, too.", "  cybexp:throwaway: true"]
      : []),
  ];
  return `${lines.join("\n")}\n`;
}

function renderState(state: unknown): string[] {
  const backend = valueAt(state, ["backend"]);
  const provider = valueAt(state, ["secretsProvider"]);
  return [
    "  cybexp:state:",
    ...(backend === undefined
      ? []
      : [
          "    # Where Pulumi keeps the stack's state: s3:// (any S3-compatible store), gs://, azblob://,",
          "    # file:///path, or https://api.pulumi.com. Credentials come from the environment, never from this file.",
          `    backend: ${scalar(backend)}`,
        ]),
    ...(provider === undefined
      ? []
      : [
          "    # What encrypts the secrets in it: `passphrase` (PULUMI_CONFIG_PASSPHRASE_FILE, a file outside the",
          "    # repository), `default` (Pulumi Cloud's keys), or a key: awskms://, gcpkms://, azurekeyvault://,",
          "    # hashivault://.",
          `    secretsProvider: ${scalar(provider)}`,
        ]),
  ];
}

function renderAccess(access: unknown): string[] {
  return access === undefined || access === "password"
    ? []
    : [
        "    # What lets a caller in: password, certificate, either or both. CYBEX-P's own modules send only",
        "    # passwords.",
        `    access: ${scalar(access)}`,
      ];
}

function renderClients(clients: unknown): string[] {
  const names = renderNames(clients);
  const what = [
    "  # Who gets a client certificate, for services whose `access` is certificate, either or both",
    "  # (docs/clients.md):",
  ];
  return names.length > 0
    ? [...what, "  cybexp:clients:", ...names]
    : [...what, "  # cybexp:clients:", "  #   - name: browser-of-ann"];
}

function renderNames(list: unknown): string[] {
  return Array.isArray(list)
    ? list.map((item) => `    - name: ${scalar(valueAt(item, ["name"]))}`)
    : [];
}

/** A value as YAML on one line, quoted if necessary. */
function scalar(value: unknown): string {
  return stringify(value, { lineWidth: 0 }).trimEnd();
}
