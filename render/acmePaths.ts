/** Where things are for the container that renews certificates, and for the servers that show them. */

/** `uid:gid` of the loop and of certbot. The proxy's process has the same. */
export const ACME_OWNER = "101:101";

/** What the container mounts, beside a /tmp that may be `noexec`. */
export const ACME_PATHS = {
  /** Read-only: the volume of a release with `acmeFiles`. */
  config: "/config",
  /** certbot's account and certificates. If it is lost, it takes a new account and new certificates. */
  state: "/acme/state",
  /**
   * In it a volume for each server, by the server's name. Its folder belongs to `ACME_OWNER`'s user and to the
   * group of the server's process, with mode 2750: that is how a server of another user may read.
   */
  served: "/acme/served",
  /** For HTTP-01 alone: the root of what answers `http://NAME/.well-known/acme-challenge/`. */
  challenge: "/acme/challenge",
} as const;

/** The release that is in use. */
export const ACME_FOLDER = `${ACME_PATHS.config}/current`;

/** The names of the files in a release. */
export const ACME_FILES = {
  loop: "renew.sh",
  certificate: "certificate.py",
  options: "cli.ini",
  servers: "servers",
  authorities: "ca.crt",
  credentials: "dns-credentials",
  setRecord: "dns-set",
  removeRecord: "dns-remove",
} as const;

/** What the loop writes that may go with the container. */
export const ACME_WORK = "/tmp/acme";

/** Where a server mounts its volume, so that the paths in `current.conf` hold. */
export const SERVED_AT = "/acme";

/** What a server finds in its volume. */
export const SERVED = {
  /**
   * For Nginx, see `servedConf`: replaced as a whole with each new certificate, missing until there is a first.
   */
  nginx: `${SERVED_AT}/current.conf`,
  /** The same two files through a link, which is switched as a whole: for a server that reads them itself. */
  link: `${SERVED_AT}/current`,
  certificate: `${SERVED_AT}/current/fullchain.pem`,
  privateKey: `${SERVED_AT}/current/privkey.pem`,
  /** What the last attempt came to: an `AcmeStatus` as JSON. */
  status: `${SERVED_AT}/status.json`,
  /** The same in Prometheus' text format. */
  metrics: `${SERVED_AT}/metrics.prom`,
} as const;

/**
 * The text of `current.conf`, for Nginx's http block: which certificate to show, by the folder that it is in. The
 * variable tells from outside which one Nginx has read.
 */
export const servedConf = (version: string): string => `\
ssl_certificate ${SERVED_AT}/${version}/fullchain.pem;
ssl_certificate_key ${SERVED_AT}/${version}/privkey.pem;
map "" $certificate_in_use {
    default "${version}";
}
`;

/** The folder that a `current.conf` names; undefined for any other text. */
export const versionIn = (conf: string): string | undefined =>
  /^ssl_certificate \/acme\/([A-Za-z0-9-]+)\/fullchain\.pem;$/m.exec(conf)?.[1];
