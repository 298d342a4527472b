/** Public certificate authorities that speak ACME, and the roots by which callers verify what they issue. */
import { X509Certificate } from "node:crypto";
import { rootCertificates } from "node:tls";

interface PublicAuthority {
  /** The hosts of its directories. */
  readonly hosts: RegExp;
  /** Its roots' organizations, as their certificates have them. */
  readonly organizations: readonly string[];
}

const AUTHORITIES: readonly PublicAuthority[] = [
  {
    hosts: /^acme-v02\.api\.letsencrypt\.org$/,
    organizations: ["Internet Security Research Group"],
  },
  { hosts: /^dv\.acme-v02\.api\.pki\.goog$/, organizations: ["Google Trust Services LLC"] },
  {
    // ZeroSSL's authority is Sectigo, whose roots had the other names before.
    hosts: /^(acme\.zerossl\.com|acme\.sectigo\.com|acme-[a-z]+\.sectigo\.com)$/,
    organizations: ["Sectigo Limited", "The USERTRUST Network", "COMODO CA Limited"],
  },
  { hosts: /^acme\.ssl\.com$/, organizations: ["SSL Corporation"] },
  { hosts: /^acme\.digicert\.com$/, organizations: ["DigiCert Inc", "DigiCert\\, Inc."] },
  { hosts: /^acme-api\.actalis\.com$/, organizations: ["Actalis S.p.A./03358520967"] },
];

/** Where two of them let people try, and issue what nobody trusts. */
const STAGING = /^(acme-staging-v02\.api\.letsencrypt\.org|dv\.acme-v02\.test-api\.pki\.goog)$/;

const hostOf = (directory: string): string =>
  URL.canParse(directory) ? new URL(directory).hostname : "";

const authorityOf = (directory: string): PublicAuthority | undefined =>
  AUTHORITIES.find(({ hosts }) => hosts.test(hostOf(directory)));

/** Whether a directory is a public authority's, which issues for names in the public DNS alone. */
export const isPublicDirectory = (directory: string): boolean =>
  authorityOf(directory) !== undefined || isStagingDirectory(directory);

/** Whether what it issues is for trying out, and trusted by nobody. */
export const isStagingDirectory = (directory: string): boolean => STAGING.test(hostOf(directory));

/** The roots of a directory's authority, PEM; none if they are not known here. */
export function rootsOf(directory: string): string[] {
  const { organizations = [] } = authorityOf(directory) ?? {};
  return rootCertificates.filter((pem) =>
    organizations.includes(/^O=(.*)$/m.exec(new X509Certificate(pem).subject)?.[1] ?? ""),
  );
}
