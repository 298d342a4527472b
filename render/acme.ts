/**
 * What the container of the role `acme` runs and reads: certbot in a loop that gets certificates from an ACME
 * server, renews them, and hands each to the server that shows it. Values in, files out.
 *
 * The container mounts:
 *
 * - `ACME_PATHS.config`, read-only: the volume of a release with these files;
 * - `ACME_PATHS.state`: certbot's account and certificates. Losing it costs a new account and new certificates;
 * - `ACME_PATHS.served`/NAME, for each server: the volume that the server mounts, too (`servedPaths`). Its
 *   folder belongs to `ACME_OWNER`'s user and to the group of the server's process, mode 2750;
 * - `ACME_PATHS.challenge`, for HTTP-01 alone: what must answer at
 *   `http://NAME/.well-known/acme-challenge/`, as the webroot of port 80;
 * - /tmp, which may be `noexec`.
 */
import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { matching, matchingSecret, wholeNumber } from "./check.ts";
import type { ReleaseFiles } from "./release.ts";
import { checkServerNames, isWildcard } from "./serverNames.ts";

/** `uid:gid` of the loop and of certbot. The proxy's process has the same. */
export const ACME_OWNER = "101:101";

export const ACME_PATHS = {
  config: "/config",
  state: "/acme/state",
  served: "/acme/served",
  challenge: "/acme/challenge",
} as const;

/** Where the files of the release are that is in use. */
const FOLDER = `${ACME_PATHS.config}/current`;

/** The names of its files in a release. */
export const ACME_FILES = {
  loop: "renew.sh",
  health: "health.sh",
  certificate: "certificate.py",
  options: "cli.ini",
  servers: "servers",
  authorities: "ca.crt",
  credentials: "dns-credentials",
  hook: "dns-hook",
} as const;

/** A server that shows a certificate. */
export interface AcmeServer {
  /** Its volume is at `ACME_PATHS.served`/NAME, such as `proxy` or `kapow`. */
  readonly name: string;
  /** Host names, wildcards and IP addresses: what the certificate is for, and nothing else. */
  readonly names: readonly string[];
  /** Another number asks for a new certificate, with a new key, at once. */
  readonly generation: number;
}

/** How the ACME server is shown that the names are ours. */
export type AcmeChallenge =
  /** HTTP-01, for host names and IP addresses: by a file at port 80 of each. */
  | { readonly kind: "http" }
  /** DNS-01, for host names and wildcards: by a plugin of certbot that the image has. */
  | {
      readonly kind: "plugin";
      /** Such as `dns-cloudflare` or `dns-rfc2136`. */
      readonly plugin: string;
      /** The text of the plugin's credentials file; for `dns-route53`, that of AWS's own. Secret. */
      readonly credentials?: string;
      /** Seconds until all name servers have a new record. @default the plugin's own */
      readonly propagation?: number;
    }
  /** DNS-01 by a program of the operator's. */
  | {
      readonly kind: "hook";
      /**
       * Its text, from `#!` on; it may hold secrets. It is called as `hook auth` and must return when the record
       * `_acme-challenge.$CERTBOT_DOMAIN TXT $CERTBOT_VALIDATION` can be seen, and as `hook cleanup` when the
       * record may go. What it writes to standard error is in the container's log.
       */
      readonly hook: string;
      /** A file beside it, whose path is in `CYBEXP_DNS_CREDENTIALS`. Secret. */
      readonly credentials?: string;
    };

export interface AcmeInput {
  /** The URL of the ACME server's directory. */
  readonly directory: string;
  /** PEM: authorities that verify the directory's own TLS, beside the public ones. */
  readonly authorities?: string;
  /** Where the ACME server may write to. */
  readonly email?: string;
  /** External account binding (RFC 8555, 7.3.4), as the ACME server gave it out. */
  readonly externalAccount?: {
    readonly keyId: string;
    /** Base64url. Secret. */
    readonly hmacKey: string;
  };
  /** A kind of certificate that the ACME server offers, such as `shortlived`. @default the server's choice */
  readonly profile?: {
    readonly name: string;
    /** Whether another is worse than none. @default false */
    readonly required?: boolean;
  };
  readonly challenge: AcmeChallenge;
  readonly servers: readonly AcmeServer[];
}
