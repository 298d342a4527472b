/**
 * Commands that ask an HTTP server from within a container, with whatever the image has: curl, wget (GNU's or
 * busybox's), bash or Python. All of them need a POSIX shell.
 */
import { matching } from "./check.ts";

/** One of these must be in the image. */
export const HEALTH_MEANS = ["curl", "wget", "bash", "python3"] as const;

/** One of these for Kapow!'s, which has a certificate to show. */
export const KAPOW_HEALTH_MEANS = ["curl", "GNU wget", "python3"] as const;

/** One of these, where the answer is read and not only judged. */
export const ASKING_MEANS = ["curl", "wget", "bash"] as const;

const HAS = 'has() { command -v "$1" >/dev/null 2>&1; }';

/**
 * What ends a wget that gets no answer. Its own -T is no use: GNU's tries again 20 times, and Debian's
 * busybox, made without it, crashes.
 */
const LIMIT = 'limit() { if has timeout; then timeout "$@"; else shift; "$@"; fi; }';

/** An image's environment may name an HTTP proxy, which must not be used for the container's own loopback. */
const DIRECT = "unset http_proxy HTTP_PROXY all_proxy ALL_PROXY";

/** $1 is the host, $2 the port, $3 the path. Leaves descriptor 3 at the answer's headers. */
const BASH_REQUEST = [
  `exec 3<>"/dev/tcp/$1/$2" || exit 1`,
  String.raw`printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$3" "$1" >&3`,
  `IFS=' ' read -r -t 4 version code reason <&3`,
].join("\n");

const BASH_HEALTH = [
  BASH_REQUEST,
  "case $code in 2??|3??) exit 0;; '') echo 'no answer' >&2; exit 1;; esac",
  String.raw`echo "answered \"$code ${"$"}{reason%$'\r'}\"" >&2`,
  "exit 1",
].join("\n");

const BASH_STATUS = [BASH_REQUEST, `[ -n "$code" ] && echo "$code"`].join("\n");

const BASH_BODY = [
  BASH_REQUEST,
  '[ "$code" = 200 ] || exit 1',
  String.raw`while IFS= read -r -t 4 line <&3 && [ "$line" != $'\r' ]; do :; done`,
  "cat <&3",
].join("\n");

/** Isolated and without site packages: it starts in a tenth of urllib's time. Python 3.4 can run it. */
const PYTHON_HEALTH = [
  "import socket, sys",
  `server = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 4)`,
  String.raw`server.sendall(("GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n" % sys.argv[2]).encode())`,
  `answer = server.makefile("rb").readline().decode("latin-1").strip()`,
  `good = answer.split()[1:2] and answer.split()[1][0] in "23"`,
  `sys.exit(0 if good else 'answered "%s"' % answer)`,
].join("\n");

/** $1 is the port, $2 the path, $3 bash's program, $4 Python's. */
const HEALTH = `\
${HAS}
${LIMIT}
${DIRECT}
url="http://127.0.0.1:$1$2"
if has curl; then
  exec curl -fsS -m 4 -o /dev/null "$url"
elif has wget; then
  limit 4 wget -q -O /dev/null "$url" && exit
  echo "wget got no good answer from $url (exit code $?)" >&2
elif has bash; then
  exec bash --norc -c "$3" bash 127.0.0.1 "$1" "$2"
elif has python3; then
  exec python3 -I -S -c "$4" "$1" "$2"
else
  echo "the image has neither curl nor wget, bash or python3 to ask with" >&2
fi
exit 1`;

/** $1 is the host, $2 the port, $3 the path, $4 the seconds, $5 bash's program. */
const STATUS = `\
${HAS}
${LIMIT}
${DIRECT}
url="http://$1:$2$3"
if has curl; then
  exec curl -s -o /dev/null -w '%{http_code}' -m "$4" "$url"
elif has wget; then
  # GNU's says nothing of an error status when it is quiet, and busybox's says it in a sentence.
  code=$(limit "$4" wget -S -O /dev/null "$url" 2>&1 | sed -n 's|.*HTTP/1\\.[01] \\([0-9]*\\).*|\\1|p' | sed -n '1p')
  [ -n "$code" ] && echo "$code"
else
  exec bash --norc -c "$5" bash "$1" "$2" "$3"
fi`;

const BODY = `\
${HAS}
${LIMIT}
${DIRECT}
url="http://$1:$2$3"
if has curl; then
  exec curl -fsS -m "$4" "$url"
elif has wget; then
  limit "$4" wget -q -O - "$url"
else
  exec bash --norc -c "$5" bash "$1" "$2" "$3"
fi`;

/**
 * A container's health check: whether the server at its own loopback answers below 400 within 4
 * seconds. It says why if not.
 *
 * @throws RangeError for a path with other characters than a URL's plain ones
 */
export function httpHealthCheck(port: number, path = "/"): string[] {
  matching("the health check's path", path, /^\/[\w.~/-]*$/, "a path");
  return ["sh", "-c", HEALTH, "health", String(port), path, BASH_HEALTH, PYTHON_HEALTH];
}

/** What an image must have for a health check: one of each list. */
export function healthPrograms(check: readonly string[]): (readonly string[])[] {
  const [program, , script] = check;
  return [
    ...(program === undefined ? [] : [[program]]),
    ...(script === HEALTH ? [HEALTH_MEANS] : []),
  ];
}

/** What is asked in a container, and for how long. */
export interface HttpQuestion {
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  readonly seconds: number;
}

/** Prints the status of the answer; fails when there is none. */
export function httpStatus(question: HttpQuestion): string[] {
  return ["sh", "-c", STATUS, "status", ...words(question), BASH_STATUS];
}

/** Prints the body of an answer 200; fails when there is none. */
export function httpBody(question: HttpQuestion): string[] {
  return ["sh", "-c", BODY, "body", ...words(question), BASH_BODY];
}

function words({ host, port, path, seconds }: HttpQuestion): string[] {
  return [host, String(port), path, String(seconds)];
}
