/** What one build of Nginx understands, where builds differ. */
export interface NginxDialect {
  /** TLS groups for `ssl_ecdh_curve`. Nginx doesn't start with a name that OpenSSL doesn't know. */
  readonly curves: string;
  /** HTTP/2 as a parameter of `listen` (before 1.25.1, still accepted later) or as a directive. */
  readonly http2: "listen" | "directive";
  /** Whether a stopping worker can wait for requests on idle connections (since 1.27.4). */
  readonly keepaliveMinTimeout: boolean;
  /**
   * Whether the server of an `upstream` may be looked up on and on (since 1.27.3). Without it, an address that is
   * looked up as needed has no kept connections, and one that is looked up at start is wrong once a container is
   * replaced.
   */
  readonly resolvingUpstreams: boolean;
}

/** Mozilla's intermediate list, guideline 6.0; needs OpenSSL 3.5. */
export const curvesWithMlkem = "X25519MLKEM768:X25519:prime256v1:secp384r1";

/** The same without the post-quantum group. */
export const curvesWithoutMlkem = "X25519:prime256v1:secp384r1";

/** What every Nginx from 1.22 and OpenSSL 3.0 on understands. */
export const commonDialect: NginxDialect = {
  curves: curvesWithoutMlkem,
  http2: "listen",
  keepaliveMinTimeout: false,
  resolvingUpstreams: false,
};

/**
 * What the Nginx that printed this for `nginx -V` understands.
 *
 * @throws RangeError when the text names no version of Nginx, or one that is too old for the rest
 *   of the configuration (1.22)
 */
export function nginxDialect(nginxV: string): NginxDialect {
  const nginx = version(/nginx version: \S+\/(\d+)\.(\d+)\.(\d+)/, nginxV);
  if (nginx === undefined || nginx < number(1, 22, 0)) {
    throw new RangeError(
      `the proxy's image must hold Nginx 1.22 or newer, but \`nginx -V\` there says ${JSON.stringify(nginxV.split("\n")[0])}`,
    );
  }
  // "running with" is only there if it differs from the one that Nginx was built with.
  const openssl =
    version(/running with OpenSSL (\d+)\.(\d+)\.(\d+)/, nginxV) ??
    version(/built with OpenSSL (\d+)\.(\d+)\.(\d+)/, nginxV) ??
    0;
  return {
    curves: openssl >= number(3, 5, 0) ? curvesWithMlkem : curvesWithoutMlkem,
    http2: nginx >= number(1, 25, 1) ? "directive" : "listen",
    keepaliveMinTimeout: nginx >= number(1, 27, 4),
    resolvingUpstreams: nginx >= number(1, 27, 3),
  };
}

const number = (major: number, minor: number, patch: number) =>
  (major * 1000 + minor) * 1000 + patch;

function version(pattern: RegExp, text: string): number | undefined {
  const found = pattern.exec(text);
  return found === null ? undefined : number(Number(found[1]), Number(found[2]), Number(found[3]));
}
