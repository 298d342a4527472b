import { isIPv4 } from "node:net";
import { SERVED } from "./acmePaths.ts";
import { type CallerHeaders, callerHeaders, checkRealm, defaultRealm } from "./callerHeaders.ts";
import { matching, wholeNumber } from "./check.ts";
import { checkDoorNames, doorId, doorKeys } from "./doorNames.ts";
import { type CheckedTraffic, checkTraffic, type DoorTraffic, trafficOf } from "./doorTraffic.ts";
import {
  asksForCertificate,
  certificateWay,
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
import { defaultGuesses, type Guesses } from "../settings/guesses.ts";
import { checkGuesses, guessCause, guessLocation, guessMaps } from "./nginxGuesses.ts";
import { answers, doorAnswers, doorRequests, requestHeaders, requestMaps } from "./nginxHeaders.ts";
import {
  checkPathUpstreams,
  type NginxPath,
  pathMaps,
  prefixOf,
  strippedRedirects,
  strippedVariable,
  WEB_REDIRECTS,
} from "./nginxPaths.ts";
import {
  checkUpstream,
  keptConnections,
  type NginxUpstream,
  pathFiles,
  upstreamScheme,
  upstreamTarget,
  upstreamVerification,
  type Way,
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
import { roleOfStandIn } from "./standIn.ts";
import { checkServerNames, fitsHsts, nginxServerName, servesNameless } from "./serverNames.ts";

/** One service behind the proxy. */
export interface NginxDoor extends NginxUpstream, DoorTraffic {
  /** Lower-case letters, digits and `-`, such as `kms`. */
  readonly name: string;
  /** The port inside the container. Doors with different names may share one. */
  readonly port: number;
  /** The names that this door answers. @default all of the proxy's */
  readonly names?: readonly string[];
  /** What leads to other services. @default nothing */
  readonly paths?: readonly NginxPath[];
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
  /** What a person is asked the password for. @default `defaultRealm` */
  readonly realm?: string;
  /** By which the services are told who called. @default `defaultCallerHeaders` */
  readonly callerHeaders?: CallerHeaders;
  /** What the image's Nginx understands. @default what every one does from 1.22 on */
  readonly dialect?: NginxDialect;
  /** How much of its machine Nginx may use. @default `nginxRoom` */
  readonly room?: NginxRoom;
  /** How many wrong passwords an address may send. @default `defaultGuesses` */
  readonly guesses?: Guesses;
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
        answers(checked.doors, strictTransport(checked)),
        passwords(checked),
        ...(checked.certificates
          ? [clientMaps(checked.doors, checked.clients, `@service${checked.part}`)]
          : []),
        requests(checked),
        upstreams(checked),
        roomMaps(checked.doors, longestTurn(checked)),
        guessMaps(checked.guesses),
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

type CheckedDoor = NginxDoor &
  Required<Pick<NginxDoor, "access" | "room" | "names" | "paths">> &
  CheckedTraffic & {
    /** For names in Nginx that are its own. */
    readonly id: string;
    /** Whether connections to its services are kept. */
    readonly keeps: boolean;
    /** Whether a service gets a path without the beginning by which it was found. */
    readonly strips: boolean;
  };

interface Checked extends Required<NginxOptions> {
  readonly callerHeaders: Required<CallerHeaders>;
  readonly doors: readonly CheckedDoor[];
  /** All names that are answered, at any door. */
  readonly allNames: readonly string[];
  /** Whether any door asks for a client's certificate. */
  readonly certificates: boolean;
  /** Ends the names of locations in Nginx that a door may have once for each service; empty if none has several. */
  readonly part: string;
}

/** Set in every server if it is needed at all. */
const PART = "$part";

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

const basics = ({ doors, certificates }: Checked) => `\
default_type application/json;
# Long enough a name must not end Nginx at start.
server_names_hash_bucket_size 512;
# For as many users as anyone has, and names of any length; to be said before the first map.
map_hash_max_size 8192;
map_hash_bucket_size ${doorKeys(doors).shared ? 512 : certificates ? 256 : 128};

# The root is read-only.
client_body_temp_path ${BODIES_FOLDER};
proxy_temp_path /tmp/proxy;
fastcgi_temp_path /tmp/fastcgi;
uwsgi_temp_path /tmp/uwsgi;
scgi_temp_path /tmp/scgi;
`;

const log = ({ doors, certificates }: Checked, { variable, keysOf } = doorKeys(doors)) => `\
map ${variable} $door {
${doors.flatMap((door) => keysOf(door).map((key) => `    ${key} ${door.name};`)).join("\n")}
}

# $uri has no query string, and no header that carries a password or token is named here.
log_format access escape=json
    '{"time":"$time_iso8601","request":"$request_id","remote":"$remote_addr",'
    '${certificates ? CLIENT_LOG : '"user":"$remote_user","entered_by":"password",'}'
    '"door":"$door","host":"$host","protocol":"$server_protocol",'
    '"method":"$request_method","path":"$uri","status":"$status","refused":"$refused",'
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

/** Two years, as Mozilla has it: for names alone that a browser may hold to it. */
function strictTransport({ hsts, allNames }: Checked): string {
  const names = hsts ? allNames.filter(fitsHsts) : [];
  return names.length === 0
    ? ""
    : `\
# Without includeSubDomains: hosts below these are not ours to bind. A header without a value is left out.
map $host $strict_transport {
    default "";
${names.map((name) => `    ${mapKey(nginxServerName(name))} "max-age=63072000";`).join("\n")}
}
`;
}

/** A name such as "default" is a parameter of map without the backslash; an expression goes as it is. */
const mapKey = (name: string) => (name.startsWith("~") ? name : `\\${name}`);

/** What the proxy takes from callers, and what of it the services see. */
const requests = ({ dialect, doors, certificates, callerHeaders: headers }: Checked) => `\
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

# WSGI takes ${headers.user.replaceAll("-", "_")} for ${headers.user}.
underscores_in_headers off;
ignore_invalid_headers on;

${requestHeaders({ headers, certificates })}${requestMaps(doors.map((door) => ({ ...door, redirects: door.paths.length > 0 })))}${doors.map((door) => pathMaps(door.id, door.paths)).join("")}`;

const passwords = ({ passwords: { salt, digests }, realm }: Checked) => `\
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
    default '${realm}", charset="UTF-8';
}
`;

const upstreams = ({ resolver, readTimeout, doors, room }: Checked) => `\
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
${doors
  .flatMap((door) =>
    waysOf(door).map(({ way, to }) =>
      way.group === undefined
        ? ""
        : keptConnections(way.group, to, { keepAlive: door.keepAlive, workers: room.workers }),
    ),
  )
  .join("")}`;

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
  429: guessCause,
  431: "The header is longer than the proxy takes.",
  500: "The proxy failed; its error log says why.",
  502: "The proxy got no answer from the service behind it.",
  503: "$no_room_cause",
  504: "The service behind the proxy took too long to answer.",
};

const refusals = ({ dialect, certificates, part }: Checked) => `\
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
error_page 401 @wrong-password;
error_page 403 404 405 413 421 429 500 502 503 504 @refused;
# One refusal may lead to another: a wrong password to one too many.
recursive_error_pages on;
# These come before there is a path, and a named location needs one.
error_page 400 414 /.refused;
error_page 494 =431 /.refused;
error_page 497 =400 /.refused;
${certificates ? "error_page 495 496 = $unverified_way;\n" : ""}${dialect.keepaliveMinTimeout ? "" : `# No refusal: see where it is returned.\nerror_page 418 = @closing${part};\n`}`;

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

const doorServer = (checked: Checked, door: CheckedDoor) => {
  const { releaseDir } = checked;
  const { name, maxBody, access, names } = door;
  return `\
# The door to the ${name}.
server {
    listen ${listen(checked, door.port)}${servesNameless(names) ? " default_server" : ""};
    server_name ${names.map(nginxServerName).join(" ")};
    client_max_body_size ${maxBody};
${checked.ocspStapling ? stapling : ""}
${indent(doorAnswers(door, strictTransport(checked)))}${indent(doorRequests({ headers: checked.callerHeaders, certificates: checked.certificates }, door))}${indent(passing(door))}${access === "password" ? "" : `${indent(clientVerification(access, releaseDir))}\n`}${
    realmOf[access] === undefined
      ? ""
      : `\
    secure_link $password_digest;
    secure_link_md5 $password_salt$credentials;
    auth_basic ${realmOf[access]};
    auth_basic_user_file ${releaseDir}/htpasswd;

${indent(guessLocation(checked.guesses))}
`
  }${indent(targets(checked, door))}
${indent(pathLocations(door))}${indent(access === "password" ? passwordLocation : clientLocations(access))}
${indent(
  waysOf(door)
    .map((service) => serviceLocations(checked, door, service))
    .join("\n"),
)}
${indent(refusalLocations)}}
`;
};

const listen = ({ dialect }: Checked, port: number) =>
  `${port} ssl${dialect.http2 === "listen" ? " http2" : ""}`;

/** A service of a door, and the name of its files in the release. */
interface Service {
  readonly way: Way;
  readonly to: NginxUpstream & Partial<NginxPath>;
  readonly files: string;
}

/** All services that a door leads to, its own first. */
function waysOf(door: CheckedDoor): Service[] {
  const { name, paths, keeps, id } = door;
  const group = keeps ? `kept_${id}` : undefined;
  return [
    { way: { suffix: "", role: name, group }, to: door, files: name },
    ...paths.map((path, index) => ({
      way: {
        suffix: `_${index + 1}`,
        role: path.standIn === undefined ? name : roleOfStandIn(path.standIn),
        group: group && `${group}_${index + 1}`,
      },
      to: path,
      files: pathFiles(name, index + 1),
    })),
  ];
}

/** Where requests go, by the variables of each service; those of the door's own are in use unless a path fits. */
function targets({ releaseDir, part }: Checked, door: CheckedDoor): string {
  return [
    ...waysOf(door).map(({ way, to }) => upstreamTarget(way, to)),
    ...(part === "" ? [] : [`set ${PART} "";\n`]),
    ...(door.strips ? ['set $forwarded_prefix "";\n'] : []),
    upstreamVerification(door.name, door, releaseDir),
  ].join("");
}

/** How bodies and answers pass, where it isn't as at the level of http. */
function passing({ streaming, buffersUploads, keeps, profile }: CheckedDoor): string {
  const lines = [
    ...(streaming ? ["proxy_buffering off;\n"] : []),
    ...(buffersUploads ? [] : ["proxy_request_buffering off;\n"]),
    ...(keeps
      ? [
          "# Once more on a new connection, where a kept one turns out to be closed; never a POST that was sent.\n",
          "proxy_next_upstream error;\n",
        ]
      : []),
    ...(profile === "web" ? [WEB_REDIRECTS] : []),
  ];
  return lines.length === 0 ? "" : `${lines.join("")}\n`;
}

/** The password is checked here, before the request is counted there. */
const passwordLocation = `\
location / {
    try_files /nothing @service;
}
`;

/** Only what chooses the service: a caller is let in as everywhere at the door. */
const pathLocations = ({ paths, access, keeps, strips }: CheckedDoor) =>
  paths
    .map(({ path, stripPrefix }, index) => {
      const suffix = `_${index + 1}`;
      const way = (part: string) =>
        access === "password" ? `@service${part}` : certificateWay(access);
      return `\
location = ${prefixOf(path)} {
    set ${PART} _to${suffix};
    try_files /nothing ${way(`_to${suffix}`)};
}
location ${path} {
    set ${PART} ${suffix};
    set $upstream $upstream${suffix};
${keeps ? `    set $target $target${suffix};\n` : ""}${strips ? `    set $forwarded_prefix ${stripPrefix ? prefixOf(path) : '""'};\n` : ""}\
    try_files /nothing ${way(suffix)};
}
`;
    })
    .join("");

/** The ways to one service, each of which counts the request. */
const serviceLocations = (checked: Checked, door: CheckedDoor, service: Service) => {
  const { dialect } = checked;
  const { way, to } = service;
  return `\
location @service${way.suffix} {
${dialect.keepaliveMinTimeout ? "" : lastAnswer}${indent(toService(checked, door, service))}}
${dialect.keepaliveMinTimeout ? "" : closingLocation(checked, door, service)}${
    to.path === undefined
      ? ""
      : `location @service_to${way.suffix} {
    return 308 https://$host$caller_port${to.path}$is_args$args;
}
`
  }`;
};

/** The path as it came: Nginx has been to another location with it. */
const toService = (
  { room, releaseDir }: Checked,
  door: CheckedDoor,
  { way, to, files }: Service,
) => {
  const { path, stripPrefix } = to;
  const target = way.group === undefined ? "$upstream" : "$target";
  const [uri, own] =
    path !== undefined && stripPrefix
      ? [strippedVariable(door.id, Number(way.suffix.slice(1))), strippedRedirects(path)]
      : ["$request_uri", ""];
  const refused = own === "" ? "" : `if (${uri} = "") {\n    return 404;\n}\n`;
  const verified = path === undefined ? "" : upstreamVerification(files, to, releaseDir);
  return `\
${refused}limit_conn under_way 65535;
${passage(door, room)}${verified}${own}proxy_pass ${upstreamScheme(to)}://${target}${uri};
`;
};

/** Seconds after which a request to a service has certainly ended. */
const longestTurn = ({ readTimeout }: Checked) => readTimeout + 100;

/** Not in the server block: a return from there would come before the check of the body's size. */
const lastAnswer = `\
    # Idle connections are closed at a reload, a request on its way or not: so for a while before,
    # an answer is the last one on its connection.
    if (-f ${CLOSING_FILE}) {
        return 418;
    }
`;

const closingLocation = (checked: Checked, door: CheckedDoor, service: Service) => `
# As above; what else goes wrong here is refused as there.
location @closing${service.way.suffix} {
    keepalive_timeout 0;
${indent(toService(checked, door, service))}}
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

const otherNames = (checked: Checked) => {
  const ports = [...new Set(checked.doors.map(({ port }) => port))];
  const namelessAt = (port: number) =>
    checked.doors.some((door) => door.port === port && servesNameless(door.names));
  const parts = [ports.filter((port) => !namelessAt(port)), ports.filter(namelessAt)]
    .filter((some) => some.length > 0)
    .map((some) => otherNamesAt(checked, some, namelessAt));
  return `\
# Any other host name: no handshake without the right one, and 421 for a Host that differs from it.
${parts.join("\n")}`;
};

const otherNamesAt = (
  checked: Checked,
  ports: readonly number[],
  namelessAt: (port: number) => boolean,
  nameless = ports.some(namelessAt),
) => `\
${nameless ? NAMELESS : ""}\
server {
${ports.map((port) => `    listen ${listen(checked, port)}${nameless ? "" : " default_server"};`).join("\n")}
    # No reuseport on any of them: a reload would drop connections that wait in a closing socket.
    server_name ${nameless ? "~." : '""'};
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

/** How a largest body is spelled. */
export const MAX_BODY = /^[1-9][0-9]{0,8}[kmg]?$/;
export const MAX_BODY_ALLOWED = "a number of bytes, or of k, m or g";

/** Makes sure that no value breaks out of its place in the text. */
function check(options: NginxOptions): Checked {
  const { dialect = commonDialect, clients = [], room = nginxRoom, hsts = true } = options;
  const guesses = options.guesses ?? defaultGuesses;
  checkServerNames(options.serverNames);
  const named = options.doors.map((door) => ({
    access: "password" as const,
    room: doorRoom,
    names: options.serverNames,
    paths: [],
    ...door,
    ...trafficOf(door),
  }));
  const doors = named.map((door) => ({
    ...door,
    id: doorId(named, door),
    keeps: door.keepAlive > 0 && dialect.resolvingUpstreams,
    strips: door.paths.some(({ stripPrefix }: NginxPath) => stripPrefix),
  }));
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
  for (const { name, maxBody, paths, ...door } of doors) {
    matching("a door's name", name, /^[a-z][a-z0-9-]*$/, "lower-case letters, digits and -");
    checkUpstream(name, door);
    checkTraffic(name, door);
    checkPathUpstreams(name, paths);
    matching(`the largest body of ${name}`, maxBody, MAX_BODY, MAX_BODY_ALLOWED);
  }
  checkDoorNames(doors);
  ports.push(...new Set(doors.map(({ port }) => port)));
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
  checkGuesses(guesses);
  return {
    ...options,
    hsts,
    ocspStapling: options.ocspStapling ?? false,
    certificateCount: wholeNumber("a number of certificates", options.certificateCount ?? 1, 1, 2),
    renewed: options.renewed ?? false,
    dialect,
    clients,
    room,
    guesses,
    realm: checkRealm(options.realm ?? defaultRealm),
    callerHeaders: callerHeaders(options.callerHeaders),
    doors,
    metricsPort: options.metricsPort,
    allNames: [...new Set([...options.serverNames, ...doors.flatMap(({ names }) => names)])],
    certificates: doors.some(asksForCertificate),
    part: doors.some(({ paths }) => paths.length > 0) ? PART : "",
  };
}

/** Four spaces before every line that is not empty. */
const indent = (text: string) => text.replace(/^(?=.)/gm, "    ");
