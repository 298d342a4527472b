/** What the container that renews certificates is told, and what it tells. */

/** A server that shows a certificate. */
export interface AcmeServer {
  /** Its volume is at `ACME_PATHS.served`/NAME, such as `proxy` or `kapow`. */
  readonly name: string;
  /** Host names, wildcards and IP addresses: what the certificate is for. */
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
      /** The text of the plugin's credentials file; for `dns-route53` that of AWS's own. Secret. */
      readonly credentials?: string;
      /** Seconds until all name servers have a new record. @default the plugin's own */
      readonly propagation?: number;
    }
  /** DNS-01 by programs of the operator's. */
  | {
      readonly kind: "hook";
      /**
       * Its text, from `#!` on. It must return when the record
       * `_acme-challenge.$CERTBOT_DOMAIN TXT $CERTBOT_VALIDATION` can be seen. What it writes to standard error is in
       * the container's log. Secret.
       */
      readonly setRecord: string;
      /** Likewise, called with the same environment when the record may go. @default none: the record stays */
      readonly removeRecord?: string;
      /** A file for it, whose path is in `CYBEXP_DNS_CREDENTIALS`. Secret. */
      readonly credentials?: string;
    };

export interface AcmeInput {
  /** The URL of the ACME server's directory. */
  readonly directory: string;
  /** PEM: authorities that verify the directory's own TLS, beside the public ones. */
  readonly authorities?: string;
  /** Where the ACME server may write to. It is told when the account is made. */
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
    /** Whether any other is worse than none. @default false */
    readonly required?: boolean;
  };
  readonly challenge: AcmeChallenge;
  readonly servers: readonly AcmeServer[];
}

/** What `status.json` says. Times are ISO 8601, UTC, to the second. */
export interface AcmeStatus {
  readonly server: string;
  /** The release of settings by which all of this is. */
  readonly release: string;
  /** What a certificate is wanted for. */
  readonly names: readonly string[];
  /** Whether the served certificate is for these names, this generation, this ACME server and profile. */
  readonly current: boolean;
  /** Of the certificate that is served; null before the first. */
  readonly notBefore: string | null;
  readonly notAfter: string | null;
  readonly issuer: string | null;
  /** Attempts that failed since one succeeded. */
  readonly failures: number;
  readonly lastAttempt: string | null;
  readonly lastSuccess: string | null;
  readonly nextAttempt: string | null;
  /** In one line, without a secret; null after a success. */
  readonly lastError: string | null;
}
