/** The headers of answers and of requests to the services, for all doors and for those with other ones. */
import type { CallerHeaders } from "./callerHeaders.ts";
import type { CheckedTraffic } from "./doorTraffic.ts";

type Header = readonly [name: string, value: string];

/** Of every answer, and at the end of each list. */
const OWN: readonly Header[] = [
  ["X-Request-Id", "$request_id"],
  ["Retry-After", "$retry_after"],
];

/** By profile. A service's own header of such a name is hidden, except where only its absence is filled. */
const ANSWERS: Readonly<Record<CheckedTraffic["profile"], readonly Header[]>> = {
  api: [
    ["X-Content-Type-Options", "nosniff"],
    ["Cache-Control", "no-store"],
    ["Content-Security-Policy", `"default-src 'none'; frame-ancestors 'none'"`],
    ["X-Frame-Options", "DENY"],
    ["Referrer-Policy", "no-referrer"],
  ],
  web: [
    ["X-Content-Type-Options", "nosniff"],
    ["Cache-Control", "$own_cache_control"],
    ["X-Frame-Options", "$missing_frame_options"],
    ["Referrer-Policy", "$missing_referrer_policy"],
  ],
};

/** Headers without a value are left out. */
const WEB_MAPS = `\
# What a page says of these itself passes; where it says nothing, this is added.
map $upstream_http_x_frame_options $missing_frame_options {
    default "";
    "" SAMEORIGIN;
}
map $upstream_http_referrer_policy $missing_referrer_policy {
    default "";
    "" same-origin;
}
# No service was asked, so the answer is the proxy's own.
map $upstream_addr $own_cache_control {
    default "";
    "" no-store;
}
`;

/** Whether a door has headers of its own for its answers. */
const hasOwnAnswers = ({ profile, headers }: CheckedTraffic) =>
  profile === "web" || Object.keys(headers).length > 0;

/**
 * At the level of http: the headers of every answer over TLS, ours and the services'.
 *
 * @param strictTransport Makes `$strict_transport`; empty where no name fits it.
 */
export const answers = (
  doors: readonly CheckedTraffic[],
  strictTransport: string,
  api = answerHeaders("api", {}, false),
) => `\
# A block with an add_header of its own would lose all of these: ${doors.some(hasOwnAnswers) ? "a door with other ones has its own list" : "there is none below"}.
server_tokens off;
${strictTransport === "" ? "" : `${strictTransport}${STRICT_TRANSPORT}\n`}${api.added}
# A service can't contradict them, nor tell what it runs on, nor steer Nginx.
${api.hidden}
proxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Buffering X-Accel-Charset;
${doors.some(({ profile }) => profile === "web") ? `\n${WEB_MAPS}` : ""}`;

const STRICT_TRANSPORT = "add_header Strict-Transport-Security $strict_transport always;";

/** In the server of a door with other headers: all of them, in place of those at the level of http. */
export function doorAnswers(door: CheckedTraffic, strictTransport: string): string {
  if (!hasOwnAnswers(door)) {
    return "";
  }
  const { added, hidden } = answerHeaders(door.profile, door.headers, strictTransport !== "");
  return `\
# In place of all those above.
${added}
${hidden}
${door.profile === "web" ? "# A page may ask for what streaming does at every answer.\nproxy_ignore_headers X-Accel-Redirect X-Accel-Expires X-Accel-Limit-Rate X-Accel-Charset;\n" : ""}
`;
}

function answerHeaders(
  profile: CheckedTraffic["profile"],
  headers: CheckedTraffic["headers"],
  strict: boolean,
) {
  const own = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const usual = ANSWERS[profile].filter(([name]) => !own.has(name.toLowerCase()));
  const given = Object.entries(headers).map(([name, value]): Header => [name, quoted(value)]);
  const added = [...usual, ...given.filter(([, value]) => value !== '""'), ...OWN]
    .map(([name, value]) => `add_header ${name} ${value} always;`)
    .join("\n");
  const hidden = [
    "Strict-Transport-Security",
    ...usual.filter(([, value]) => !value.startsWith("$")).map(([name]) => name),
    ...given.map(([name]) => name),
    ...["X-Request-Id", "Server", "X-Powered-By"],
  ]
    .map((name) => `proxy_hide_header ${name};`)
    .join("\n");
  return { added: strict ? `${STRICT_TRANSPORT}\n${added}` : added, hidden };
}

/** Without `$` and `\`, see `checkTraffic`. */
const quoted = (value: string) => `"${value.replaceAll('"', '\\"')}"`;

/** What a service learns of a request, where doors differ. */
interface Told {
  readonly host: string;
  readonly port: string;
  readonly prefix: string;
  readonly connection: string;
  readonly upgrade: boolean;
}

const API: Told = {
  host: "$host",
  port: '""',
  prefix: '""',
  connection: "close",
  upgrade: false,
};

/** How a service is told who called. */
export interface ToldCaller {
  readonly headers: Required<CallerHeaders>;
  /** Whether any door asks for a client's certificate. */
  readonly certificates: boolean;
}

/** At the level of http. */
export const requestHeaders = (caller: ToldCaller) => `\
# All in this one place: a proxy_set_header in a server or location would lose every one of these.
proxy_headers_hash_max_size 1024;
proxy_headers_hash_bucket_size 128;
${toldOf(caller, API)}`;

const toldOf = (
  { headers, certificates }: ToldCaller,
  { host, port, prefix, connection, upgrade }: Told,
) => `proxy_set_header Host ${host};
# The services trust these; whatever the caller sends under their names is overwritten or left out.
proxy_set_header ${headers.user} ${certificates ? "$caller" : "$remote_user"};
proxy_set_header ${headers.enteredBy} ${certificates ? "$entered_by" : "password"};
proxy_set_header ${headers.client} ${certificates ? "$client" : '""'};
# The proxy's password ends here. CYBEX-P's own token is in X-Authorization, which passes.
proxy_set_header Authorization "";
proxy_set_header X-Request-Id $request_id;
proxy_set_header X-Real-IP $remote_addr;
proxy_set_header X-Forwarded-For $remote_addr;
proxy_set_header X-Forwarded-Host ${host};
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header X-Forwarded-Port ${port};
proxy_set_header X-Forwarded-Prefix ${prefix};
proxy_set_header Forwarded "";
# Between this client and this proxy only; Nginx leaves out Expect, TE, Upgrade and the like itself.
proxy_set_header Connection ${connection};
${upgrade ? "proxy_set_header Upgrade $websocket;\n" : ""}proxy_set_header Proxy-Authorization "";
proxy_set_header Proxy-Connection "";
proxy_set_header Trailer "";
# Some programs take it for the environment variable HTTP_PROXY.
proxy_set_header Proxy "";
`;

/** A door, as far as it decides what its services are told. */
export interface ToldDoor extends CheckedTraffic {
  /** Whether connections to its services are kept: the image's Nginx may not be able to. */
  readonly keeps: boolean;
  /** Whether it takes a part of the path away before a service gets it. */
  readonly strips: boolean;
}

/** At the level of http: what the headers below say. Nothing if no door needs it. */
export function requestMaps(
  doors: readonly (ToldDoor & { readonly redirects: boolean })[],
): string {
  return [
    doors.some(({ profile, redirects }) => profile === "web" || redirects) ? PORT_MAPS : "",
    doors.some(({ websocket }) => websocket) ? WEBSOCKET_MAPS : "",
  ].join("");
}

const PORT_MAPS = `
# Where the caller came in: $host, which Nginx has checked, and the port that stands in the Host header.
map $http_host $caller_port {
    default "";
    "~(?<said_port>:[0-9]{1,5})$" $said_port;
}
map $http_host $forwarded_port {
    default 443;
    "~:(?<said_number>[0-9]{1,5})$" $said_number;
}
`;

const WEBSOCKET_MAPS = `
# Of all protocols that a caller may change to, this one alone. Keys of a map are in any case.
map $http_upgrade $websocket {
    default "";
    websocket websocket;
}
map $websocket $closed_connection {
    default close;
    websocket upgrade;
}
map $websocket $kept_connection {
    default "";
    websocket upgrade;
}
`;

/** In the server of a door whose services are told more: all of it, in place of that at the level of http. */
export function doorRequests(caller: ToldCaller, door: ToldDoor): string {
  const web = door.profile === "web";
  if (!web && !door.websocket && !door.keeps && !door.strips) {
    return "";
  }
  const told: Told = {
    host: web ? "$host$caller_port" : API.host,
    port: web ? "$forwarded_port" : API.port,
    prefix: door.strips ? "$forwarded_prefix" : API.prefix,
    connection: door.websocket
      ? door.keeps
        ? "$kept_connection"
        : "$closed_connection"
      : door.keeps
        ? '""'
        : API.connection,
    upgrade: door.websocket,
  };
  return `# In place of all those above.\n${toldOf(caller, told).replace(/^#.*\n/gm, "")}\n`;
}
