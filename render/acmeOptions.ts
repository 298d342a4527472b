/** certbot's options. */
import type { AcmeChallenge, AcmeInput } from "./acmeInput.ts";
import { ACME_FILES, ACME_FOLDER, ACME_PATHS, ACME_WORK } from "./acmePaths.ts";
import { matching, matchingSecret, wholeNumber } from "./check.ts";

type Option = readonly [name: string, value: string | number];

/** Printable, and nothing that begins a comment, a list or a quotation in certbot's file. */
const EMAIL = /^[\w.+-]+@[A-Za-z0-9.-]+$/;
const URL = /^https:\/\/[\w.:[\]-]+(?:\/[\w.~/%+-]*)?$/;
const WORD = /^[\w.~+/=:@-]+$/;
const WORDS = "letters, digits and . _ ~ + / = : @ -";

/**
 * All of certbot's options but for the names. In a file, because arguments can be read by anybody on the machine;
 * and given at each run, because certbot would otherwise take those of the last certificate.
 */
export function certbotOptions(input: AcmeInput): string {
  const options: Option[] = [
    [
      "server",
      matching("the ACME directory", input.directory, URL, "an https URL without user and query"),
    ],
    ["config-dir", ACME_PATHS.state],
    ["work-dir", `${ACME_WORK}/work`],
    ["logs-dir", `${ACME_WORK}/logs`],
    ["max-log-backups", 0],
    ["non-interactive", "true"],
    ["agree-tos", "true"],
    ...account(input),
    ["key-type", "ecdsa"],
    ["elliptic-curve", "secp256r1"],
    ["keep-until-expiring", "true"],
    ["no-directory-hooks", "true"],
    ...profile(input),
    ...proof(input.challenge),
  ];
  return options.map(([name, value]) => `${name} = ${value}\n`).join("");
}

function account({ email, externalAccount }: AcmeInput): Option[] {
  const address: Option[] =
    email === undefined
      ? [["register-unsafely-without-email", "true"]]
      : [
          ["email", matching("the e-mail address", email, EMAIL, "like ops@example.edu")],
          ["no-eff-email", "true"],
        ];
  if (externalAccount === undefined) {
    return address;
  }
  const { keyId, hmacKey } = externalAccount;
  const key = "the HMAC key of the external account";
  return [
    ...address,
    ["eab-kid", matching("the key id of the external account", keyId, WORD, WORDS)],
    ["eab-hmac-key", matchingSecret(key, hmacKey, /^[\w-]+=*$/, "base64url")],
  ];
}

function profile({ profile: wish }: AcmeInput): Option[] {
  return wish === undefined
    ? []
    : [
        [
          wish.required ? "required-profile" : "preferred-profile",
          matching("the certificate profile", wish.name, WORD, WORDS),
        ],
      ];
}

/** AWS's library looks for its credentials itself, where the loop tells it. */
const WITHOUT_OPTIONS = "dns-route53";

function proof(challenge: AcmeChallenge): Option[] {
  if (challenge.kind === "http") {
    return [
      ["authenticator", "webroot"],
      ["preferred-challenges", "http"],
      ["webroot-path", ACME_PATHS.challenge],
    ];
  }
  if (challenge.kind === "hook") {
    return [
      ["authenticator", "manual"],
      ["preferred-challenges", "dns"],
      ["manual-auth-hook", `${ACME_FOLDER}/${ACME_FILES.setRecord}`],
      ...(challenge.removeRecord === undefined
        ? []
        : [["manual-cleanup-hook", `${ACME_FOLDER}/${ACME_FILES.removeRecord}`] as const]),
    ];
  }
  const { credentials, propagation } = challenge;
  const allowed = "the name of a DNS plugin of certbot, such as dns-rfc2136";
  const plugin = matching("the DNS plugin", challenge.plugin, /^dns-[a-z0-9-]+$/, allowed);
  return [
    ["authenticator", plugin],
    ["preferred-challenges", "dns"],
    ...(credentials === undefined || plugin === WITHOUT_OPTIONS
      ? []
      : [[`${plugin}-credentials`, `${ACME_FOLDER}/${ACME_FILES.credentials}`] as const]),
    ...(propagation === undefined || plugin === WITHOUT_OPTIONS
      ? []
      : [
          [
            `${plugin}-propagation-seconds`,
            wholeNumber("the seconds of propagation", propagation, 0, 1200),
          ] as const,
        ]),
  ];
}
