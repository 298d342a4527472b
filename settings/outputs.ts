/** The stack's outputs: what `pulumi stack output` gives. */

export interface OutputDoc {
  readonly name: string;
  readonly shape: string;
  /** Secret outputs are shown only with `--show-secrets`. */
  readonly secret: boolean;
  readonly meaning: string;
}

export const outputs: readonly OutputDoc[] = [
  {
    name: "kmsUrl",
    shape: "text, `https://host:port`",
    secret: false,
    meaning: "The URL of the KMS, without a trailing slash: CYBEX-P's programs append paths to it.",
  },
  {
    name: "backendUrl",
    shape: "text, `https://host:port`",
    secret: false,
    meaning: "The URL of the Backend, likewise.",
  },
  {
    name: "kapowUrl",
    shape: "text, `https://host:port`",
    secret: false,
    meaning:
      "The URL of Kapow!, if the stack has one: through the proxy if it has a door there, otherwise on its own port.",
  },
  {
    name: "serverCa",
    shape: "PEM text",
    secret: false,
    meaning:
      "The certificate authorities that clients verify the proxy with: the stack's own, and those of supplied certificates.",
  },
  {
    name: "certificateRequests",
    shape: "map of `proxy-ecdsa` and the like to PEM text",
    secret: false,
    meaning:
      "What to get signed by your authority, if `certificates.supplied` has entries without a private key.",
  },
  {
    name: "users",
    shape: "map of user name to `{ user, password }`",
    secret: true,
    meaning: "What each user sends in HTTP basic authentication now.",
  },
  {
    name: "clientCa",
    shape: "PEM text",
    secret: false,
    meaning:
      "The certificate authorities that client certificates are verified with now: one, or two while the previous one is still valid.",
  },
  {
    name: "clients",
    shape: "map of client name to `{ certificate, privateKey }`",
    secret: true,
    meaning:
      "The certificate and private key, in PEM, of each client that is not revoked. A client with a request (`csr`) has no `privateKey` here.",
  },
  {
    name: "moduleConfig",
    shape: "map of user name to text",
    secret: true,
    meaning:
      "For each user, a complete `config.yaml` for CYBEX-P's collector and query modules, with the URLs and the password in it.",
  },
  {
    name: "administrator",
    shape: "`{ user, password, token }`",
    secret: true,
    meaning:
      "The KMS's administrator, which can make users. If it was there before this stack, `note` says why there is no `password`. Not for modules.",
  },
  {
    name: "kmsUsers",
    shape: "map of user name to `{ user, attributes, password, token }`",
    secret: true,
    meaning:
      "The account at the KMS of each user with attributes: the attributes as the KMS stores them, the password for `/login`, and a token. If the account was there before, `note` says why there is no `password`.",
  },
  {
    name: "kmsKeys",
    shape: "map of file name to SHA-256 in hex",
    secret: false,
    meaning:
      "The fingerprints of the KMS's public keys, as `sha256sum` prints them. They never change as long as the keys are kept.",
  },
  {
    name: "certificates",
    shape: "map of name to `{ kind, source, notAfter, days }`",
    secret: false,
    meaning:
      "When each certificate and revocation list ends, and how many days were left at the last `up`; no `notAfter` and `days` where that is only known at the proxy. The names are in docs/rotation.md (When certificates end).",
  },
];
