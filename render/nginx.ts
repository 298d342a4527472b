import { isIPv4 } from "node:net";
import { SERVED } from "./acmePaths.ts";
import { matching, wholeNumber } from "./check.ts";
import {
  asksForCertificate,
  checkClients,
  clientLocations,
  clientMaps,
  clientVerification,
  type NginxAccess,
  type NginxClient,
  PASSWORD_CAUSE,
  realmOf,
} from "./nginxClients.ts";
import { commonDialect, type NginxDialect } from "./nginxDialect.ts";
import {
  checkUpstream,
  upstreamRoute,
  upstreamScheme,
  type NginxUpstream,
} from "./nginxUpstream.ts";
import {
  BODIES_FOLDER,
  checkRoom,
  type DoorRoom,
  doorRoom,
  type NginxRoom,
  nginxRoom,
  passage,
  roomMaps,
} from "./nginxRoom.ts";
import { FIRST_WORD_SECONDS } from "./nginxWorkers.ts";
import { CLOSING_FILE } from "./proxySignals.ts";
import { checkServerNames, fitsHsts, nginxServerName, servesNameless } from "./serverNames.ts";

/** One service behind the proxy. */
export interface NginxDoor extends NginxUpstream {
  /** Lower-case letters, digits and `-`, such as `kms`. */
  readonly name: string;
  /** The port inside the container. */
  readonly port: number;
  /** The largest request body, in Nginx's spelling, such as `17m`. */
  readonly maxBody: string;
  /** What is asked of callers. @default "password" */
  readonly access?: NginxAccess;
  /** What the service may get at once. @default `doorRoom` */
  readonly room?: DoorRoom;
}

export interface NginxOptions {
  /** The names that are answered: host names, wildcards, IP addresses. The first is in the URLs. */
  readonly serverNames: readonly string[];
  /** Whether browsers are told to call these names by TLS for good (RFC 6797). @default true */
  readonly hsts?: boolean;
  readonly doors: readonly NginxDoor[];
  /** Seconds that a service may take to answer. */
  readonly readTimeout: number;
  /** Seconds that workers of an older release may still take for their requests. */
  readonly shutdownTimeout: number;
  /** A port on the container's own loopback that answers with health, release and metrics. */
  readonly statusPort: number;
  /** A port at which whoever reaches the container reads the metrics, and nothing else. @default none */
  readonly metricsPort?: number | undefined;
  /**
   * The folder of this release's certificates (`certificateFiles`), htpasswd and metrics, as Nginx sees it; of
   * client-ca.crt and client-ca.crl if a door asks for certificates; and of the files that an
   * upstream with TLS needs (`UPSTREAM_FILES`).
   */
  readonly releaseDir: string;
  /** How many certificates the release has: an RSA and an ECDSA one, or one of them. @default 1 */
  readonly certificateCount?: number;
  /** Whether none of them is shown, but what a container of ours renews (`SERVED`). @default false */
  readonly renewed?: boolean;
  /** Whether OCSP answers are handed out with those of them that offer OCSP. @default false */
  readonly ocspStapling?: boolean;
  /** Recognises a good Authorization header without a look into htpasswd. Secret. */
  readonly passwords: {
    /** Letters and digits. */
    readonly salt: string;
    /** User name -> `passwordDigest` of the password in use. */
    readonly digests: Readonly<Record<string, string>>;
  };
  /** Clients whose certificates are known, at doors that ask for them. @default none */
  readonly clients?: readonly NginxClient[];
  /** The IPv4 address of the name server that knows the services: Docker's is 127.0.0.11. */
  readonly resolver: string;
  /** What the status port answers, so that a reload is seen to have worked. */
  readonly release: string;
  /** What the image's Nginx understands. @default what every one does from 1.22 on */
  readonly dialect?: NginxDialect;
  /** How much of its machine Nginx may use. @default `nginxRoom` */
  readonly room?: NginxRoom;
}

/**
 * The whole nginx.conf, for a container that runs as an ordinary user on a read-only root with a
 * writable /tmp. Start Nginx with it and nothing else: `nginx -e stderr -c FILE`.
 *
 * @throws RangeError for a value that could mean more than itself in the text
 */
export function renderNginx(options: NginxOptions): string {
  const checked = check(options);
  return [
    main(checked),
    "http {",
    indent(
      [
        basics(checked),
        log(checked),
        tls(checked),
        answers(checked),
        passwords(checked),
        ...(checked.certificates ? [clientMaps(checked.doors, checked.clients)] : []),
        requests(checked),
        upstreams(checked),
        roomMaps(checked.doors, longestTurn(checked)),
        refusals(checked),
        ...checked.doors.map((door) => doorServer(checked, door)),
        otherNames(checked),
        statusServer(checked),
        ...(checked.metricsPort === undefined ? [] : [metricsServer(checked, checked.metricsPort)]),
      ].join("\n"),
    ),
    "}",
    "",
  ].join("\n");
}

/** The file of a release that says when certificates end. */
export const METRICS_FILE = "metrics.prom";

/** Where Nginx finds the metrics of a certificate that is renewed beside it. */
const RENEWAL_METRICS_PATH = "/.renewal-metrics";
/** What makes a file of metrics include them. */
export const INCLUDED_RENEWAL_METRICS = `<!--# include virtual="${RENEWAL_METRICS_PATH}" -->\n`;

/** A reload doesn't close a connection that was used within this many seconds. */
const KEEPALIVE_SECONDS = 5;

type CheckedDoor = NginxDoor & Required<Pick<NginxDoor, "access" | "room">>;

interface Checked extends Required<NginxOptions> {
  readonly doors: readonly CheckedDoor[];
  /** Whether any door asks for a client's certificate. */
  readonly certificates: boolean;
}

const main = ({ release, shutdownTimeout, room }: Checked) => `\
# Release ${release}. The stack wrote this file: change the stack's config, not this.

daemon off;
pid /tmp/nginx.pid;
error_log stderr error;

# Not auto: that counts the host's processors, not the container's share of them.
worker_processes ${room.workers};
# A connection has a socket, and may have a body's file.
worker_rlimit_nofile ${4 * room.connections};
# After a reload the workers of the older release finish what they have, for so long.
worker_shutdown_timeout ${shutdownTimeout}s;

events {
    worker_connections ${room.connections};
}
`;

const basics = ({ certificates }: Checked) => `\
default_type application/json;
# Long enough a name must not end Nginx at start.
server_names_hash_bucket_size 512;
# For as many users as anyone has, and names of any length; to be said before the first map.
map_hash_max_size 8192;
map_hash_bucket_size ${certificates ? 256 : 128};

# The root is read-only.
client_body_temp_path ${BODIES_FOLDER};
proxy_temp_path /tmp/proxy;
fastcgi_temp_path /tmp/fastcgi;
uwsgi_temp_path /tmp/uwsgi;
scgi_temp_path /tmp/scgi;
`;

const log = ({ doors, certificates }: Checked) => `\
map $server_port $door {
${doors.map((door) => `    ${door.port} ${door.name};`).join("\n")}
}

# $uri has no query string, and no header that carries a password or token is named here.
log_format access escape=json
    '{"time":"$time_iso8601","request":"$request_id","remote":"$remote_addr",'
    '${certificates ? CLIENT_LOG : '"user":"$remote_user","entered_by":"password",'}'
    '"door":"$door","host":"$host","protocol":"$server_protocol",'
    '"method":"$request_method","path":"$uri","status":"$status","refused":"$no_room",'
    '"received":$request_length,"sent":$bytes_sent,"seconds":$request_time,'
    '"upstream_status":"$upstream_status","upstream_seconds":"$upstream_response_time",'
    '"tls":"$ssl_protocol","cipher":"$ssl_cipher"}';
access_log /dev/stdout access;
`;

/** The serial number of a refused certificate tells whose it was. */
const CLIENT_LOG =
  '"user":"$caller","entered_by":"$entered_by","client":"$client","certificate":"$certificate",' +
  '"certificate_serial":"$ssl_client_serial","certificate_days":"$ssl_client_v_remain",';

/** The files of a release's nth certificate: Nginx shows a caller the one whose kind it can verify. */
export const certificateFiles = (index: number) => {
  const name = index === 0 ? "server" : `server-${index + 1}`;
  return { certificate: `${name}.crt`, privateKey: `${name}.key` };
};

function shownCertificates({ releaseDir, certificateCount: count, renewed }: Checked): string {
  if (renewed) {
    return `# Certificate and key in one file that is replaced as a whole: they never come from two renewals.
include ${SERVED.nginx};`;
  }
  return Array.from({ length: count }, (_, index) => certificateFiles(index))
    .map(
      ({ certificate, privateKey }) =>
        `ssl_certificate ${releaseDir}/${certificate};\nssl_certificate_key ${releaseDir}/${privateKey};`,
    )
    .join("\n");
}

const tls = (checked: Checked, { dialect } = checked) => `\
# Mozilla's intermediate values, guideline 6.0; the curves are those that this OpenSSL knows.
${shownCertificates(checked)}
ssl_protocols TLSv1.2 TLSv1.3;
ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
ssl_prefer_server_ciphers off;
ssl_ecdh_curve ${dialect.curves};
# No resumption, unlike Mozilla: Nginx lets a resumed session in without a look at the revocation
# list. A full handshake costs 0.15 ms more, and CYBEX-P's clients never resume.
ssl_session_cache off;
ssl_session_tickets off;
${dialect.http2 === "directive" ? "http2 on;\n" : ""}`;

/** The headers of every answer over TLS, ours and the services'. */
const answers = (checked: Checked) => `\
# A block with an add_header of its own would lose all of these: there is none below.
server_tokens off;
${strictTransport(checked)}\
add_header X-Content-Type-Options nosniff always;
add_header Cache-Control no-store always;
add_header Content-Security-Policy "default-src 'none'; frame-ancestors 'none'" always;
add_header X-Frame-Options DENY always;
add_header Referrer-Policy no-referrer always;
add_header X-Request-Id $request_id always;
add_header Retry-After $retry_after always;
# A service can't contradict them, nor tell what it runs on, nor steer Nginx.
proxy_hide_header Strict-Transport-Security;
proxy_hide_header X-Content-Type-Options;
proxy_hide_header Cache-Control;
proxy_hide_header Content-Security-Policy;
proxy_hide_header X-Frame-Options;
proxy_hide_header Referrer-Policy;
proxy_hide_header X-Request-Id;
proxy_hide_header Server;
proxy_hide_header X-Powered-By;
proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
`;

/** Two years, as Mozilla has it: for names alone that a browser may hold to it. */
function strictTransport({ hsts, serverNames }: Checked): string {
  const names = hsts ? serverNames.filter(fitsHsts) : [];
  return names.length === 0
    ? ""
    : `\
# Without includeSubDomains: hosts below these are not ours to bind. A header without a value is left out.
map $host $strict_transport {
    default "";
${names.map((name) => `    ${mapKey(nginxServerName(name))} "max-age=63072000";`).join("\n")}
}
add_header Strict-Transport-Security $strict_transport always;
`;
}

/** A name such as "default" is a parameter of map without the backslash; an expression goes as it is. */
const mapKey = (name: string) => (name.startsWith("~") ? name : `\\${name}`);

/** What the proxy takes from callers, and what of it the services see. */
const requests = ({ dialect, certificates }: Checked) => `\
# A record of 15 kB stays in memory; one above 80k (a quarter more) takes a file.
client_header_buffer_size 4k;
client_body_buffer_size 64k;
client_header_timeout ${FIRST_WORD_SECONDS}s;
client_body_timeout 30s;
send_timeout 60s;
keepalive_timeout 75s;
${
  dialect.keepaliveMinTimeout
    ? `# A stopping worker waits for the request that may be on its way on an idle connection.
keepalive_min_timeout ${KEEPALIVE_SECONDS}s;
`
    : ""
}# Requests are counted behind the password check only: nobody else takes a caller's place.

# WSGI takes X_Cybexp_User for X-Cybexp-User.
underscores_in_headers off;
ignore_invalid_headers on;

# All in this one place: a proxy_set_header in a server or location would lose every one of these.
proxy_headers_hash_max_size 1024;
proxy_headers_hash_bucket_size 128;
proxy_set_header Host $host;
# The services trust these; whatever the caller sends under their names is overwritten or left out.
proxy_set_header X-Cybexp-User ${certificates ? "$caller" : "$remote_user"};
proxy_set_header X-Cybexp-Door ${certificates ? "$entered_by" : "password"};
proxy_set_header X-Cybexp-Client ${certificates ? "$client" : '""'};
# The proxy's password ends here. CYBEX-P's own token is in X-Authorization, which passes.
proxy_set_header Authorization "";
proxy_set_header X-Request-Id $request_id;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Host $host;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Port "";
proxy_set_header X-Forwarded-Prefix "";
proxy_set_header Forwarded "";
# Between this client and this proxy only; Nginx leaves out Expect, TE, Upgrade and the like itself.
proxy_set_header Connection close;
proxy_set_header Proxy-Authorization "";
proxy_set_header Proxy-Connection "";
proxy_set_header Trailer "";
# Some programs take it for the environment variable HTTP_PROXY.
proxy_set_header Proxy "";
`;

const passwords = ({ passwords: { salt, digests } }: Checked) => `\
# A password in use is checked here, in memory, by a salted digest of what the Authorization header
# says; what does not match is looked up in htpasswd, which may hold the same user's previous password.
# The scheme is spelled in any case, and followed by one space or more (RFC 9110, 11.1 and 11.4).
map $http_authorization $credentials {
    default "";
    "~*^basic +(?<basic_credentials>.+)$" $basic_credentials;
}
map $remote_user $password_digest {
    default "";
${Object.entries(digests)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  // The backslash keeps a name such as "default" from being a parameter of map.
  .map(([name, digest]) => `    \\${name} ${digest};`)
  .join("\n")}
}
map "" $password_salt {
    default "${salt} ";
}
map $secure_link $realm {
    1 off;
    # Nginx puts the realm between quotes as it is: this adds the charset of RFC 7617.
    default 'CYBEX-P", charset="UTF-8';
}
`;

const upstreams = ({ resolver, readTimeout }: Checked) => `\
# Asked for each request, since the upstreams are variables: a replaced container may have another
# address, and Nginx starts even while a service is away.
resolver ${resolver} valid=2s ipv6=off;
resolver_timeout 5s;
proxy_http_version 1.1;
# A busy service may take a while to answer the door; who is told so too early has lost a record.
proxy_connect_timeout 30s;
proxy_send_timeout 60s;
proxy_read_timeout ${readTimeout}s;
# A POST that was sent twice would be stored twice.
proxy_next_upstream off;
# Counts, and never limits: how many requests are under way to each upstream.
limit_conn_zone $upstream zone=under_way:128k;
proxy_request_buffering on;
proxy_redirect off;
# An answer is read ahead into 1 MB of memory and never into a file: /tmp is memory too.
proxy_buffering on;
proxy_buffer_size 16k;
proxy_buffers 16 64k;
proxy_max_temp_file_size 0;
`;

/** Statuses of Nginx's own answers, and their reasons, for a person who reads the body. */
const causes: Readonly<Record<number, string>> = {
  400: "The request is malformed, or plain HTTP on a TLS port.",
  401: PASSWORD_CAUSE,
  403: "The proxy does not allow this.",
  404: "The proxy has nothing at this path.",
  405: "The proxy does not pass this method on.",
  413: "The body is larger than the proxy takes for this service.",
  414: "The request line is longer than the proxy takes.",
  421: "The proxy does not serve this host name.",
  431: "The header is longer than the proxy takes.",
  500: "The proxy failed; its error log says why.",
  502: "The proxy got no answer from the service behind it.",
  503: "$no_room_cause",
  504: "The service behind the proxy took too long to answer.",
};

const refusals = ({ dialect, certificates }: Checked) => `\
# Nginx's own refusals as JSON; what a service answers passes as it is, whatever its status.
proxy_intercept_errors off;
map $status $cause {
    default "The proxy refused the request.";
${Object.entries(causes)
  .map(
    ([status, cause]) =>
      `    ${status} "${certificates && status === "401" ? "$password_cause" : cause}";`,
  )
  .join("\n")}
}
error_page 401 403 404 405 413 421 500 502 503 504 @refused;
# These come before there is a path, and a named location needs one.
error_page 400 414 /.refused;
error_page 494 =431 /.refused;
error_page 497 =400 /.refused;
${certificates ? "error_page 495 496 = $unverified_way;\n" : ""}${dialect.keepaliveMinTimeout ? "" : "# No refusal: see where it is returned.\nerror_page 418 = @closing;\n"}`;

/** In every server with doors, because locations are not inherited. */
const refusalLocations = `\
# The status is the one that led here, not 200; a return comes before the password check.
location @refused {
    return 200 '{"status":$status,"door":"$door","error":"$cause","request":"$request_id"}\\n';
}
location = /.refused {
    internal;
    return 200 '{"status":$status,"door":"$door","error":"$cause","request":"$request_id"}\\n';
}
`;

const doorServer = (
  checked: Checked,
  door: CheckedDoor,
  { serverNames, releaseDir, dialect } = checked,
  { port, name, maxBody, access } = door,
) => `\
# The door to the ${name}.
server {
    listen ${port} ssl${dialect.http2 === "listen" ? " http2" : ""}${servesNameless(serverNames) ? " default_server" : ""};
    server_name ${serverNames.map(nginxServerName).join(" ")};
    client_max_body_size ${maxBody};
${checked.ocspStapling ? stapling : ""}
${access === "password" ? "" : `${indent(clientVerification(access, releaseDir))}\n`}${
  realmOf[access] === undefined
    ? ""
    : `\
    secure_link $password_digest;
    secure_link_md5 $password_salt$credentials;
    auth_basic ${realmOf[access]};
    auth_basic_user_file ${releaseDir}/htpasswd;

`
}${indent(upstreamRoute(name, door, releaseDir))}
${indent(access === "password" ? passwordLocation : clientLocations(access))}
    location @service {
${dialect.keepaliveMinTimeout ? "" : lastAnswer}${indent(indent(toService(checked, door)))}    }
${dialect.keepaliveMinTimeout ? moreErrors(access) : closingLocation(checked, door)}
${indent(refusalLocations)}}
`;

/** The password is checked here, before the request is counted there. */
const passwordLocation = `\
location / {
    try_files /nothing @service;
}
`;

/** The path as it came: Nginx has been to another location with it. */
const toService = ({ room }: Checked, door: CheckedDoor) => `\
limit_conn under_way 65535;
${passage(door, room)}proxy_pass ${upstreamScheme(door)}://$upstream$request_uri;
`;

/** Seconds after which a request to a service has certainly ended. */
const longestTurn = ({ readTimeout }: Checked) => readTimeout + 100;

/** A refused certificate was the first error. Whatever goes wrong after it is refused as usual. */
const moreErrors = (access: NginxAccess) =>
  access === "either" ? "    recursive_error_pages on;\n" : "";

/** Not in the server block: a return from there would come before the check of the body's size. */
const lastAnswer = `\
        # Idle connections are closed at a reload, a request on its way or not: so for a while before,
        # an answer is the last one on its connection.
        if (-f ${CLOSING_FILE}) {
            return 418;
        }
`;

const closingLocation = (checked: Checked, door: CheckedDoor) => `
    # As above; what else goes wrong here is refused as there.
    recursive_error_pages on;
    location @closing {
        keepalive_timeout 0;
${indent(indent(toService(checked, door)))}    }
`;

/** In the doors alone: each server with it looks the responder up at every start and reload. */
const stapling = `\

    # Without ssl_trusted_certificate, which Nginx would verify clients' certificates by, too.
    ssl_stapling on;
`;

const NAMELESS = `\
# Callers that go by an IP address say no name in their handshake, so the doors are the default; whatever
# name else is said ends here.
`;

const otherNames = ({ doors, dialect, serverNames }: Checked) => `\
# Any other host name: no handshake without the right one, and 421 for a Host that differs from it.
${servesNameless(serverNames) ? NAMELESS : ""}\
server {
${doors
  .map(
    ({ port }) =>
      `    listen ${port} ssl${dialect.http2 === "listen" ? " http2" : ""}${servesNameless(serverNames) ? "" : " default_server"};`,
  )
  .join("\n")}
    # No reuseport on any of them: a reload would drop connections that wait in a closing socket.
    server_name ${servesNameless(serverNames) ? "~." : '""'};
    ssl_reject_handshake on;
    # A handshake that is refused has no request, and so no line in the access log: it has one here. What
    # comes before a name is known is logged here for every caller, a port scanner's attempts too.
    error_log stderr info;

    location / {
        return 421;
    }

${indent(refusalLocations)}}
`;

/** The same seconds as in keepalive_min_timeout. */
const lingerLocation = `\
    # How long before a reload answers are to be the last ones on their connections, in seconds.
    location = /linger {
        return 200 "${KEEPALIVE_SECONDS}\\n";
    }
`;

/** A file of the release: it changes only when a certificate does. */
const metricsLocation = ({ releaseDir, renewed }: Checked) => `\
    location = /metrics {
        default_type "text/plain; version=0.0.4; charset=utf-8";
        alias ${releaseDir}/${METRICS_FILE};
${renewed ? RENEWED_METRICS : "    }"}
`;

/** The file of the release includes the one that the renewing container writes, once there is one. */
const RENEWED_METRICS = `\
        ssi on;
        ssi_types *;
    }
    location = ${RENEWAL_METRICS_PATH} {
        internal;
        root /;
        try_files ${SERVED.metrics} =204;
    }`;

/** Without TLS: Docker publishes it on the host's loopback alone. */
const metricsServer = (checked: Checked, port: number) => `\

# For Prometheus: when certificates end, and nothing else.
server {
    listen ${port};
    access_log off;
    # In place of those above: they speak of TLS.
    add_header Cache-Control no-store;

${metricsLocation(checked)}    location / {
        return 404;
    }

${indent(refusalLocations)}}`;

const statusServer = (checked: Checked, { statusPort, release, dialect, renewed } = checked) => `\
# For the health check and for who has just reloaded: nobody outside the container gets here.
server {
    listen 127.0.0.1:${statusPort};
    access_log off;
    default_type text/plain;
    # In place of those above: they speak of TLS.
    add_header Cache-Control no-store;

    location = /healthz {
        return 200 "ok${renewed ? " $certificate_in_use" : ""}\\n";
    }
    location = /release {
        return 200 "${release}\\n";
    }
${metricsLocation(checked)}${dialect.keepaliveMinTimeout ? "" : lingerLocation}    # 409 while requests are under way to the upstream that is asked for.
    location = /idle {
        set $upstream $arg_upstream;
        limit_conn under_way 1;
        limit_conn_status 409;
        limit_conn_log_level info;
        try_files /nothing =204;
    }
    location / {
        return 404 "nothing here\\n";
    }
}`;

/** Makes sure that no value breaks out of its place in the text. */
function check(options: NginxOptions): Checked {
  const { dialect = commonDialect, clients = [], room = nginxRoom, hsts = true } = options;
  const doors = options.doors.map((door) => ({
    access: "password" as const,
    room: doorRoom,
    ...door,
  }));
  checkServerNames(options.serverNames);
  matching(
    "the release's folder",
    options.releaseDir,
    /^(\/[A-Za-z0-9._-]+)+$/,
    "an absolute path of letters, digits, dot, _ and -",
  );
  matching("the release", options.release, /^[A-Za-z0-9._-]+$/, "letters, digits, dot, _ and -");
  matching(
    "the curves",
    dialect.curves,
    /^[A-Za-z0-9_-]+(:[A-Za-z0-9_-]+)*$/,
    "names with colons between them",
  );
  matching(
    "the passwords' salt",
    options.passwords.salt,
    /^[A-Za-z0-9]{16,}$/,
    "letters and digits",
  );
  for (const [name, digest] of Object.entries(options.passwords.digests)) {
    matching(
      "a user name",
      name,
      /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/,
      "letters, digits and . _ @ -",
    );
    matching(`the digest of ${name}`, digest, /^[A-Za-z0-9_-]{22}$/, "an MD5 in base64url");
  }
  if (!isIPv4(options.resolver)) {
    throw new RangeError(
      `the resolver is ${JSON.stringify(options.resolver)}, but must be an IPv4 address`,
    );
  }
  wholeNumber("the read time-out", options.readTimeout, 1, 86_400);
  wholeNumber("the shutdown time-out", options.shutdownTimeout, 1, 86_400);
  const ports = [
    options.statusPort,
    ...(options.metricsPort === undefined ? [] : [options.metricsPort]),
  ];
  for (const { name, port, maxBody, ...upstream } of doors) {
    matching("a door's name", name, /^[a-z][a-z0-9-]*$/, "lower-case letters, digits and -");
    checkUpstream(name, upstream);
    matching(
      `the largest body of ${name}`,
      maxBody,
      /^[1-9][0-9]{0,8}[kmg]?$/,
      "a number of bytes, or of k, m or g",
    );
    ports.push(port);
  }
  for (const port of ports) {
    wholeNumber("a port", port, 1, 65_535);
    if (ports.indexOf(port) !== ports.lastIndexOf(port)) {
      throw new RangeError(`the port ${port} is used twice`);
    }
  }
  if (doors.length === 0) {
    throw new RangeError("there must be at least one door");
  }
  checkClients(clients);
  checkRoom(room, doors);
  return {
    ...options,
    hsts,
    ocspStapling: options.ocspStapling ?? false,
    certificateCount: wholeNumber("a number of certificates", options.certificateCount ?? 1, 1, 2),
    renewed: options.renewed ?? false,
    dialect,
    clients,
    room,
    doors,
    metricsPort: options.metricsPort,
    certificates: doors.some(asksForCertificate),
  };
}

/** Four spaces before every line that is not empty. */
const indent = (text: string) => text.replace(/^(?=.)/gm, "    ");
