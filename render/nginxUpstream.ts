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

export const upstreamScheme = ({ tls }: NginxUpstream) => (tls ? "https" : "http");

/** In a door's server: where its requests go, as `$upstream`, and what the service is known by. */
export const upstreamRoute = (name: string, door: NginxUpstream, releaseDir: string) =>
  `${target(name, door)}${door.tls ? verification(name, door.tls.serverName, releaseDir) : ""}`;

const target = (name: string, { upstream, standIn }: NginxUpstream) =>
  standIn === undefined
    ? `set $upstream ${upstream};\n`
    : `\
# Looked at for each request: a handover needs no reload, which would close idle connections.
set $upstream ${upstream};
if (-f ${handoverFile(name)}) {
    set $upstream ${standIn};
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
