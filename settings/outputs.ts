/** The stack's outputs: what `pulumi stack output` gives. */

export interface OutputDoc {
  readonly name: string;
  readonly shape: string;
  /** Secret outputs are shown with `--show-secrets` only. */
  readonly secret: boolean;
  readonly meaning: string;
}

export const outputs: readonly OutputDoc[] = [
  {
    name: "kmsUrl",
    shape: "text, `https://host:port`",
    secret: false,
    meaning:
      "The URL of the KMS, without a slash at its end: CYBEX-P's programs append paths to it.",
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
      "The URL of Kapow!, if there is one: through the proxy if it has a door there, else its own.",
  },
  {
    name: "serverCa",
    shape: "PEM text",
    secret: false,
    meaning: "The certificate authority that clients verify the proxy by.",
  },
  {
    name: "users",
    shape: "map of user name to `{ user, password }`",
    secret: true,
    meaning: "What each user sends by HTTP basic authentication now.",
  },
  {
    name: "clientCa",
    shape: "PEM text",
    secret: false,
    meaning:
      "The certificate authorities that clients' certificates are verified by now: one, or two while the previous one is still good.",
  },
  {
    name: "clients",
    shape: "map of client name to `{ certificate, privateKey }`",
    secret: true,
    meaning:
      "The certificate and private key of each client that is not revoked, PEM; no `privateKey` where the certificate was made from a request (`csr`).",
  },
  {
    name: "moduleConfig",
    shape: "map of user name to text",
    secret: true,
    meaning:
      "For each user a complete `config.yaml` of CYBEX-P's collector and query modules, with URLs and password in it.",
  },
  {
    name: "certificates",
    shape: "map of name to `{ kind, source, notAfter, days }`",
    secret: false,
    meaning:
      "When each certificate and revocation list ends, and how many days were left at the last `up`; no `notAfter` and `days` where that is only known at the proxy. The names are in docs/rotation.md (When certificates end).",
  },
];
