/**
 * Client certificates at the proxy's doors. Nginx verifies them against the authorities and the
 * revocation list. In addition there is a list of who may come in, by the certificate's whole subject. Each
 * decision is a map of exact texts whose default refuses.
 */
import { matching } from "./check.ts";
import { doorKeys, type NamedDoor } from "./doorNames.ts";

/** What a door asks of a caller. */
export type NginxAccess = "password" | "certificate" | "either" | "both";

/** One certificate that is known. */
export interface NginxClient {
  /** What the services and the log are told. */
  readonly name: string;
  /** The certificate's subject, as `clientSubject` gives it. */
  readonly subject: string;
  /** Known, and refused whatever the revocation list says. */
  readonly revoked: boolean;
}

interface AccessDoor extends NamedDoor {
  readonly access: NginxAccess;
}

/** Whether a door looks at certificates. */
export const asksForCertificate = ({ access }: { access: NginxAccess }) => access !== "password";

/** What to say about a certificate that lets nobody in, by its word in `$certificate`. */
const faults = {
  missing: "none was presented",
  expired: "the one presented has expired",
  early: "the one presented is not valid yet",
  foreign: "the one presented is not by an authority that is trusted here",
  unlisted: "the one presented is not listed: its client was removed, or has a newer one",
  revoked: "the one presented is revoked",
  unverifiable: "the proxy's revocation list is out of date, which its operator must mend",
} as const;

/** With these, a password is as good as without any certificate. */
const harmless = ["missing", "expired", "early", "foreign", "unlisted"] as const;

/** Nginx itself answers 495 to these, before it looks at anything else. */
const harmlessAndUnverified = ["expired", "early", "foreign"] as const;

const table = (rows: readonly (readonly [key: string, value: string])[]) =>
  rows.map(([key, value]) => `    ${key} ${value};`).join("\n");

/**
 * The maps that decide everything.
 *
 * @param service The location that leads to the service.
 */
export function clientMaps(
  doors: readonly AccessDoor[],
  clients: readonly NginxClient[],
  service: string,
): string {
  const sorted = [...clients].sort((a, b) => (a.subject < b.subject ? -1 : 1));
  return `\
# Who may present a certificate: by its whole subject, which names its key, too.
map $ssl_client_s_dn $listing {
${table([["default", "unlisted"], ...sorted.map(({ subject, revoked }) => [`"${subject}"`, revoked ? "revoked" : "good"] as const)])}
}
map $ssl_client_s_dn $listed_client {
${table([["default", '""'], ...sorted.map(({ subject, name }) => [`"${subject}"`, `"${name}"`] as const)])}
}
# What Nginx finds; of more than one fault it tells the last.
map $ssl_client_verify $verified {
    default foreign;
    NONE missing;
    SUCCESS $listing;
    # By how OpenSSL's words begin: a newer one goes on, as in "... or the system clock is incorrect".
    "~*^FAILED:CRL (has expired|is not yet valid)" unverifiable;
    "~*^FAILED:certificate (is |was |has been )?revoked" revoked;
    "~*^FAILED:certificate (has |is )?expired" expired;
    "~*^FAILED:certificate (is )?not yet valid" early;
}
# The certificate in a word. The list knows the revoked ones that were renewed since.
map $listing $certificate {
    default $verified;
    revoked revoked;
}
map $certificate $client {
    default "";
    good $listed_client;
}

${accessMap(doors)}
# Where a request goes after the password, which is asked for only where it matters.
map $certificate $certificate_way {
    default @certificate-refused;
    good ${service};
}
map $certificate $both_realm {
    default off;
    good $realm;
}
map $certificate $either_way {
    default @certificate-refused;
    good ${service};
${table(harmless.map((fault) => [fault, service]))}
}
map $certificate $either_realm {
    default $realm;
    good off;
    revoked off;
}
# Where it goes when Nginx itself refuses its certificate.
map "$access $certificate" $unverified_way {
    default @certificate-refused;
${table(harmlessAndUnverified.map((fault) => [`"either ${fault}"`, "@without-certificate"]))}
}

# Who the caller is. Without a look at the password $remote_user is what anybody claims.
map $client $either_caller {
    default $client;
    "" $remote_user;
}
map $access $caller {
    default "";
    password $remote_user;
    certificate $client;
    either $either_caller;
    both $remote_user;
}
map $client $either_entered_by {
    default certificate;
    "" password;
}
map $access $entered_by {
    default $access;
    either $either_entered_by;
}

# For a person who reads the body of a refusal.
map $certificate $certificate_cause {
    default "The proxy asks for a client certificate.";
${table(Object.entries(faults).map(([fault, why]) => [fault, `"The proxy asks for a client certificate: ${why}."`]))}
}
map "$access $certificate" $password_cause {
    default "${PASSWORD_CAUSE}";
${table(harmless.map((fault) => [`"either ${fault}"`, `"The proxy asks for a user name and password (HTTP basic authentication) or a client certificate: ${faults[fault]}."`]))}
}
`;
}

/** Where doors share a port, a name that is no door's has no access: nobody is known by it. */
function accessMap(doors: readonly AccessDoor[]): string {
  const { variable, shared, keysOf } = doorKeys(doors);
  const rows = doors
    .filter((door) => shared || asksForCertificate(door))
    .flatMap((door) => keysOf(door).map((key) => [key, door.access] as const));
  return `map ${variable} $access {\n${table([["default", shared ? '""' : "password"], ...rows])}\n}`;
}

/** The reason that a caller without the right password gets. */
export const PASSWORD_CAUSE =
  "The proxy asks for a user name and password (HTTP basic authentication).";

/** In the server of a door that asks for certificates. No resumption: a revoked one would live on by it. */
export const clientVerification = (access: NginxAccess, releaseDir: string) => `\
ssl_verify_client ${access === "either" ? "optional" : "on"};
ssl_client_certificate ${releaseDir}/client-ca.crt;
# Of every authority in that file: without one of them no certificate would be good.
ssl_crl ${releaseDir}/client-ca.crl;
`;

/** The realm of a door's basic authentication; none if the door asks for no password. */
export const realmOf: Readonly<Record<NginxAccess, string | undefined>> = {
  password: "$realm",
  certificate: undefined,
  either: "$either_realm",
  both: "$both_realm",
};

/** What asks for a certificate. */
export type CertificateAccess = Exclude<NginxAccess, "password">;

/** Where a request goes that is let in, and one that isn't. */
export const certificateWay = (access: CertificateAccess) =>
  access === "either" ? "$either_way" : "$certificate_way";

/** The locations of a door that asks for certificates; `@service` is the caller's to add. */
export const clientLocations = (access: CertificateAccess) => `\
location / {
    try_files /nothing ${certificateWay(access)};
}
${access === "either" ? withoutCertificate : ""}location @certificate-refused {
    return 403 '{"status":403,"door":"$door","certificate":"$certificate","error":"$certificate_cause","request":"$request_id"}\\n';
}
`;

/** Not straight to the service: Nginx checks the body's size on the way to a location by its path. */
const withoutCertificate = `\
# A certificate that Nginx refuses is as good as none, with a password: back to where all requests go.
location @without-certificate {
    try_files /nothing $uri;
}
`;

/** Makes sure that no value breaks out of its place in the text. */
export function checkClients(clients: readonly NginxClient[]): void {
  const subjects = new Set<string>();
  for (const { name, subject } of clients) {
    matching(
      "a client's name",
      name,
      /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
      "letters, digits and . _ @ -",
    );
    matching(
      `the subject of ${name}`,
      subject,
      /^serialNumber=[0-9]{1,7}-[0-9a-f]{32},CN=[A-Za-z0-9][A-Za-z0-9._@-]{0,63}(,O=[A-Za-z0-9 .&()-]{1,64})?$/,
      "serialNumber=...,CN=... and perhaps ,O=...",
    );
    if (subjects.has(subject)) {
      throw new RangeError(`the subject of ${name} is listed twice`);
    }
    subjects.add(subject);
  }
}
