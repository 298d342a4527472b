/** How requests and answers pass a door: what a person who sets one up decides. */
import { matching, wholeNumber } from "./check.ts";

/** Whom a door is for: programs that read data, or browsers that show pages. */
export type DoorProfile = "api" | "web";

/**
 * How requests and answers pass a door.
 *
 * @example
 * // A web application: its pages, events and WebSockets work without a switch.
 * { profile: "web", headers: { "Permissions-Policy": "camera=(), microphone=()" } }
 * @example
 * // An API that takes large files and has many short requests.
 * { buffersUploads: false, keepAlive: 32 }
 */
export interface DoorTraffic {
  /**
   * `api` is for data. The proxy sets all security headers, in place of the service's own. A browser that opens an
   * answer loads nothing for it (`Content-Security-Policy: default-src 'none'`), frames it nowhere and keeps no copy.
   * The service gets the host name without its port, and its redirects pass as they are.
   *
   * `web` is for pages. The service's own Content-Security-Policy and Cache-Control pass. Where it doesn't say
   * otherwise, the proxy adds `X-Frame-Options: SAMEORIGIN` and `Referrer-Policy: same-origin`. It always sets
   * `X-Content-Type-Options: nosniff`. The service gets `Host` with the port as the caller sent it, and
   * `X-Forwarded-Host`, `-Port` and `-Proto`. A redirect to `http://` or to the service's own address leads to where
   * the caller came in. `streaming` and `websocket` are on.
   *
   * Both hide `Server` and `X-Powered-By`.
   *
   * @default "api"
   */
  readonly profile?: DoorProfile;
  /**
   * Headers of every answer at this door, the proxy's own refusals included. They replace the service's and the
   * profile's headers of the same name. An empty value only takes a header away.
   *
   * @default none
   */
  readonly headers?: Readonly<Record<string, string>>;
  /**
   * Whether an answer reaches the caller as the service writes it, as server-sent events and progress reports need.
   * Otherwise the proxy reads up to 1 MB of an answer ahead, which frees a service with few threads from slow callers.
   * A stream on which nothing comes for `readTimeout` seconds is closed.
   *
   * @default true for `web`, false for `api`
   */
  readonly streaming?: boolean;
  /**
   * Whether callers may open WebSockets. One counts as a request in `room` while it is open. It is closed after
   * `readTimeout` seconds without a message from the service, `shutdownTimeout` seconds after a new release such as a
   * rotation or revocation, and when its service is replaced. Callers have to connect again then, and be let in again.
   * The browser sends its password from any page, so the service must check `Origin`.
   *
   * @default true for `web`, false for `api`
   */
  readonly websocket?: boolean;
  /**
   * Whether the proxy takes in a whole request before it calls the service. The service is then busy only for as long
   * as it needs itself, and large bodies take turns (`room`). With `false`, a body reaches the service as it
   * arrives: it takes no space at the proxy, takes no turns, and a slow caller keeps the service waiting.
   *
   * @default true
   */
  readonly buffersUploads?: boolean;
  /**
   * How many idle connections to the service the proxy keeps, its workers together; 0 opens one for each request.
   * Kept connections more than double the requests per second of a fast service. They need Nginx 1.27.3; with an
   * older one, the proxy opens one for each request, and `up` says so.
   *
   * The price: a service may close a kept connection just when a request comes on it. Nginx sends the request again
   * only if it may be repeated. A POST or PATCH gets 502, because the service may have seen it. To make
   * this rare, the proxy keeps a connection for one idle second only: let the service keep its own for longer.
   * And the service must frame its answers correctly, because another caller's answer follows on the same connection.
   *
   * @default 0
   */
  readonly keepAlive?: number;
}

export type CheckedTraffic = Required<DoorTraffic>;

/** With what follows from the profile. */
export function trafficOf(door: DoorTraffic): CheckedTraffic {
  const { profile = "api" } = door;
  return {
    profile,
    headers: door.headers ?? {},
    streaming: door.streaming ?? profile === "web",
    websocket: door.websocket ?? profile === "web",
    buffersUploads: door.buffersUploads ?? true,
    keepAlive: door.keepAlive ?? 0,
  };
}

/** What frames an answer or ties it to its request, and what the proxy says by other arguments. */
const RESERVED = new Set([
  ...["connection", "content-length", "content-encoding", "content-type", "date", "keep-alive"],
  ...["location", "proxy-authenticate", "refresh", "retry-after", "server", "set-cookie", "te"],
  ...["strict-transport-security", "trailer", "transfer-encoding", "upgrade", "www-authenticate"],
  ...["x-powered-by", "x-request-id"],
]);

/** Makes sure that no value breaks out of its place in the text. */
export function checkTraffic(name: string, door: DoorTraffic): void {
  const { profile, headers, keepAlive } = trafficOf(door);
  matching(`the profile of ${name}`, profile, /^(api|web)$/, "api or web");
  wholeNumber(`the kept connections of ${name}`, keepAlive, 0, 1024);
  const seen = new Set<string>();
  for (const [header, value] of Object.entries(headers)) {
    const what = `a header of ${name}`;
    matching(what, header, /^[A-Za-z][A-Za-z0-9-]{0,63}$/, "letters, digits and -");
    const key = header.toLowerCase();
    if (RESERVED.has(key) || key.startsWith("x-accel-")) {
      throw new RangeError(`${what} is ${JSON.stringify(header)}, which is not a door's to set`);
    }
    if (seen.has(key)) {
      throw new RangeError(`${what}, ${header}, is there twice`);
    }
    seen.add(key);
    matching(
      `the header ${header} of ${name}`,
      value,
      /^([!-#%-[\]-~]([ -#%-[\]-~]*[!-#%-[\]-~])?)?$/,
      "printable ASCII without $ and \\, and without spaces at its ends",
    );
  }
}
