import type { Guesses } from "../settings/guesses.ts";
import type { CallerHeaders } from "./callerHeaders.ts";
import { checkCovered } from "./doorNames.ts";
import {
  certificateFiles,
  INCLUDED_RENEWAL_METRICS,
  METRICS_FILE,
  type NginxDoor,
  type NginxOptions,
  renderNginx,
} from "./nginx.ts";
import { asksForCertificate, type NginxClient } from "./nginxClients.ts";
import type { NginxDialect } from "./nginxDialect.ts";
import type { NginxRoom } from "./nginxRoom.ts";
import type { NginxPath } from "./nginxPaths.ts";
import { pathFiles, UPSTREAM_FILES } from "./nginxUpstream.ts";
import { releaseDigest, type ReleaseFiles } from "./release.ts";

/** The port, on the proxy container's own loopback, that answers with its health and its release. */
export const PROXY_STATUS_PORT = 8081;

/** The port that answers with the metrics, where they are published. */
export const PROXY_METRICS_PORT = 8082;

/** What clients' certificates are checked against, at doors that ask for them. */
export interface ClientCheck {
  /** PEM: every authority that is trusted. */
  readonly authorities: string;
  /** PEM: the revocation list of each of them. */
  readonly revocations: string;
  readonly listed: readonly NginxClient[];
}

/** What is needed to call an upstream with TLS. */
export type UpstreamTls = NonNullable<NginxDoor["tls"]> & {
  /** PEM: the authorities that verify its certificate. */
  readonly authorities: string;
  /** PEM: the certificate that the proxy shows to it. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
};

/** A path of a door that leads to another service. */
export interface ReleasePath extends NginxPath {
  readonly tls?: UpstreamTls;
}

/**
 * A door, as the proxy's release has it.
 *
 * @example
 * {
 *   name: "wiki",
 *   port: 8441,
 *   names: ["wiki.example.edu"],
 *   upstream: "wiki:3000",
 *   maxBody: "20m",
 *   profile: "web",
 *   paths: [{ path: "/search/", upstream: "search:8000", stripPrefix: true }],
 * }
 */
export interface ReleaseDoor extends NginxDoor {
  readonly tls?: UpstreamTls;
  readonly paths?: readonly ReleasePath[];
}

/** A certificate with the chain after it, and its private key, PEM. */
export interface CertificatePair {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface ProxyReleaseInput {
  /** The names that are answered, the first of which is in the URLs. */
  readonly serverNames: readonly string[];
  /** Whether browsers are told to call them by TLS for good. @default true */
  readonly hsts?: boolean;
  /** What a person is asked the password for. @default `defaultRealm` */
  readonly realm?: string;
  /** By which the services are told who called. @default `defaultCallerHeaders` */
  readonly callerHeaders?: CallerHeaders;
  /** Seconds that a service may take to answer. */
  readonly readTimeout: number;
  /** Seconds that a worker of an older release may still take for its requests. */
  readonly shutdownTimeout: number;
  readonly doors: readonly ReleaseDoor[];
  /** What the image's Nginx understands. */
  readonly dialect: NginxDialect;
  /** What callers are shown: one certificate, or an RSA and an ECDSA one; none where a container renews it. */
  readonly pairs: readonly CertificatePair[];
  /** Whether OCSP answers are handed out with them. @default false */
  readonly ocspStapling?: boolean;
  /** What passwords are checked against. Secret. */
  readonly check: NginxOptions["passwords"] & { readonly htpasswd: string };
  readonly clients: ClientCheck;
  /** When certificates end, as Prometheus reads it. */
  readonly metrics: string;
  /** Whether they can be read from outside the container. @default false */
  readonly publishesMetrics?: boolean;
  /** How much of its machine Nginx may use. @default `nginxRoom` */
  readonly room?: NginxRoom;
  /** How many wrong passwords an address may send. @default `defaultGuesses` */
  readonly guesses?: Guesses;
}

/**
 * Everything that the proxy needs, as one release with its digest.
 *
 * @throws RangeError for a door with a name that a certificate is not for
 */
export function proxyRelease(input: ProxyReleaseInput): { digest: string; files: ReleaseFiles } {
  for (const { name, names = [] } of input.doors) {
    input.pairs.forEach(({ certificate }) => checkCovered(name, names, certificate));
  }
  const filesOf = (digest: string): ReleaseFiles => ({
    "nginx.conf": {
      mode: 0o400,
      content: renderNginx({
        serverNames: input.serverNames,
        ...(input.hsts !== undefined && { hsts: input.hsts }),
        ...(input.realm !== undefined && { realm: input.realm }),
        ...(input.callerHeaders && { callerHeaders: input.callerHeaders }),
        doors: input.doors,
        dialect: input.dialect,
        readTimeout: input.readTimeout,
        shutdownTimeout: input.shutdownTimeout,
        ...(input.room && { room: input.room }),
        ...(input.guesses && { guesses: input.guesses }),
        ...(input.pairs.length === 0
          ? { renewed: true }
          : { certificateCount: input.pairs.length }),
        ...(input.ocspStapling !== undefined && { ocspStapling: input.ocspStapling }),
        passwords: input.check,
        clients: input.clients.listed,
        statusPort: PROXY_STATUS_PORT,
        ...(input.publishesMetrics && { metricsPort: PROXY_METRICS_PORT }),
        // Its own folder, not `current`: a worker of the old release keeps using the old files.
        releaseDir: `/release/releases/${digest}`,
        resolver: "127.0.0.11",
        release: digest,
      }),
    },
    ...input.pairs.map(pairFiles).reduce((all, files) => ({ ...all, ...files }), {}),
    htpasswd: { mode: 0o400, content: input.check.htpasswd },
    [METRICS_FILE]: {
      mode: 0o400,
      content: input.metrics + (input.pairs.length === 0 ? INCLUDED_RENEWAL_METRICS : ""),
    },
    // If no door asks for certificates, a change of the clients must not change the proxy's release.
    ...(input.doors.some(({ access = "password" }) => asksForCertificate({ access })) && {
      "client-ca.crt": { mode: 0o400, content: input.clients.authorities },
      "client-ca.crl": { mode: 0o400, content: input.clients.revocations },
    }),
    ...input.doors.map(upstreamFiles).reduce((all, files) => ({ ...all, ...files }), {}),
  });
  // The configuration names its own release, so the digest is made from the text without the name.
  const digest = releaseDigest(filesOf("0".repeat(32)));
  return { digest, files: filesOf(digest) };
}

function pairFiles({ certificate, privateKey }: CertificatePair, index: number): ReleaseFiles {
  const names = certificateFiles(index);
  return {
    [names.certificate]: { mode: 0o400, content: certificate },
    [names.privateKey]: { mode: 0o400, content: privateKey },
  };
}

function upstreamFiles({ name, tls, paths = [] }: ReleaseDoor): ReleaseFiles {
  return paths.reduce(
    (files, path, index) => ({ ...files, ...tlsFiles(pathFiles(name, index + 1), path.tls) }),
    tlsFiles(name, tls),
  );
}

function tlsFiles(name: string, tls: UpstreamTls | undefined): ReleaseFiles {
  return tls
    ? {
        [UPSTREAM_FILES.authorities(name)]: { mode: 0o400, content: tls.authorities },
        [UPSTREAM_FILES.certificate(name)]: { mode: 0o400, content: tls.certificate },
        [UPSTREAM_FILES.privateKey(name)]: { mode: 0o400, content: tls.privateKey },
      }
    : {};
}
