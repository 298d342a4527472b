import { type NginxDoor, renderNginx } from "./nginx.ts";
import type { NginxDialect } from "./nginxDialect.ts";
import { releaseDigest, type ReleaseFiles } from "./release.ts";

/** The port, on the proxy container's own loopback, that tells its health and its release. */
export const PROXY_STATUS_PORT = 8081;

/** Seconds beyond the read time-out for a worker of an older release to send its last answers. */
const SHUTDOWN_MARGIN = 30;

export interface ProxyReleaseInput {
  readonly serverName: string;
  /** Seconds that a service may take to answer. */
  readonly readTimeout: number;
  readonly doors: readonly NginxDoor[];
  /** What the image's Nginx can spell. */
  readonly dialect: NginxDialect;
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: string;
  readonly htpasswd: string;
}

/** All that the proxy serves by, as one release with its digest. */
export function proxyRelease(input: ProxyReleaseInput): { digest: string; files: ReleaseFiles } {
  const filesOf = (digest: string): ReleaseFiles => ({
    "nginx.conf": {
      mode: 0o400,
      content: renderNginx({
        serverName: input.serverName,
        doors: input.doors,
        dialect: input.dialect,
        readTimeout: input.readTimeout,
        shutdownTimeout: input.readTimeout + SHUTDOWN_MARGIN,
        statusPort: PROXY_STATUS_PORT,
        // Its own folder, not `current`: a worker of the old release keeps to the old files.
        releaseDir: `/release/releases/${digest}`,
        resolver: "127.0.0.11",
        release: digest,
      }),
    },
    "server.crt": { mode: 0o400, content: input.certificate },
    "server.key": { mode: 0o400, content: input.privateKey },
    htpasswd: { mode: 0o400, content: input.htpasswd },
  });
  // The configuration names its own release, so the digest is that of the text with no name in it.
  const digest = releaseDigest(filesOf("0".repeat(32)));
  return { digest, files: filesOf(digest) };
}
