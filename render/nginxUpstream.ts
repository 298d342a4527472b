/** The way from a door to the service behind it. */
import { HOST_NAME, matching } from "./check.ts";
import { handoverFile } from "./proxySignals.ts";

export interface NginxUpstream {
  /** `host:port`, such as `kms:5000`. */
  readonly upstream: string;
  /** The same for the stand-in that serves while the service's container is replaced, if there is one. */
  readonly standIn?: string;
  /** For a service that speaks TLS and asks the proxy for a certificate; plain HTTP if absent. */
  readonly tls?: {
    /** The name that its certificate must have. */
    readonly serverName: string;
  };
}

/** The files, in the release's folder, for an upstream with TLS. */
export const UPSTREAM_FILES = {
  /** The authorities that verify its certificate. */
  authorities: (name: string) => `${name}-upstream-ca.crt`,
  /** The certificate that the proxy shows to it. */
  certificate: (name: string) => `${name}-upstream.crt`,
  privateKey: (name: string) => `${name}-upstream.key`,
} as const;

/** What the files for a path of a door begin with. */
export const pathFiles = (door: string, index: number) => `${door}.${index}`;

export const upstreamScheme = ({ tls }: NginxUpstream) => (tls ? "https" : "http");

/** One of the services that a door leads to. */
export interface Way {
  /** Ends the names of what belongs to it in the door's server; empty for the service of the door itself. */
  readonly suffix: string;
  /** The role whose stand-in it may have. */
  readonly role: string;
  /** The group in which connections to it are kept, if they are. */
  readonly group?: string | undefined;
}

/** In a door's server: where requests of this way go, as `$upstream`. */
export const upstreamTarget = (
  { suffix, role, group }: Way,
  { upstream, standIn }: NginxUpstream,
) => {
  const variable = `$upstream${suffix}`;
  // Only the service's own address: a stand-in is there for a while, and Nginx would ask for its name all the time.
  const target = `$target${suffix}`;
  const own = `set ${variable} ${upstream};\n${group === undefined ? "" : `set ${target} ${group};\n`}`;
  return standIn === undefined
    ? own
    : `\
# Looked at for each request: a handover needs no reload, which would close idle connections.
${own}if (-f ${handoverFile(role)}) {
    set ${variable} ${standIn};
${group === undefined ? "" : `    set ${target} ${standIn};\n`}}
`;
};

/** In a door's server or a location of it: what the service is known by. */
export const upstreamVerification = (name: string, { tls }: NginxUpstream, releaseDir: string) =>
  tls ? verification(name, tls.serverName, releaseDir) : "";

/** Seconds for which a connection is kept that nobody uses: less than any service that keeps its own. */
const IDLE_SECONDS = 1;

/**
 * At the level of http: the connections that are kept to a service. Nginx looks its name up on and on, and takes what
 * it found along when it reloads, because the zone has the same name then.
 */
export const keptConnections = (
  group: string,
  { upstream }: NginxUpstream,
  { keepAlive, workers }: { readonly keepAlive: number; readonly workers: number },
) => `
# Kept connections to ${upstream}, in each worker.
upstream ${group} {
    zone ${group} 128k;
    server ${upstream} resolve max_fails=0;
    keepalive ${Math.ceil(keepAlive / workers)};
    # Shorter than the service keeps them: one that it closes as a request comes on it fails the request.
    keepalive_timeout ${IDLE_SECONDS}s;
}
`;

const verification = (name: string, serverName: string, releaseDir: string) => `\
# Nginx would take any certificate, and ask for no name.
proxy_ssl_verify on;
proxy_ssl_verify_depth 3;
proxy_ssl_trusted_certificate ${releaseDir}/${UPSTREAM_FILES.authorities(name)};
proxy_ssl_name ${serverName};
proxy_ssl_server_name on;
proxy_ssl_protocols TLSv1.2 TLSv1.3;
proxy_ssl_certificate ${releaseDir}/${UPSTREAM_FILES.certificate(name)};
proxy_ssl_certificate_key ${releaseDir}/${UPSTREAM_FILES.privateKey(name)};
# A resumed session is not verified again.
proxy_ssl_session_reuse off;
`;

/** Makes sure that no value breaks out of its place in the text. */
export function checkUpstream(name: string, { upstream, standIn, tls }: NginxUpstream): void {
  const hostAndPort = /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?:[1-9][0-9]{0,4}$/;
  matching(`the upstream of ${name}`, upstream, hostAndPort, "host:port");
  if (standIn !== undefined) {
    matching(`the stand-in of ${name}`, standIn, hostAndPort, "host:port");
  }
  if (tls) {
    matching(`the server name of ${name}`, tls.serverName, HOST_NAME, "a host name");
  }
}
