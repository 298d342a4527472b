/** The command line of a Kapow! server, and its health check. */
import { matching } from "./check.ts";

/** The user interface: the only one that anybody but Kapow! itself may reach. */
export const KAPOW_PORT = 8080;

/** The names of its files in a release. */
export const KAPOW_FILES = {
  certificate: "server.crt",
  privateKey: "server.key",
  clientCa: "client-ca.crt",
  healthCertificate: "health.crt",
  healthKey: "health.key",
  init: "init",
} as const;

const PATH = /^(?:\/[\w.-]+)+$/;

/** Where a certificate and its key are. */
export interface PairPaths {
  readonly certificate: string;
  readonly privateKey: string;
}

/**
 * The arguments of `kapow server`.
 *
 * @param folder Where its files are.
 * @param init The program that adds the routes.
 * @param shown What it shows to its callers. @default those in the folder
 */
export function kapowArguments(folder: string, init: string, shown?: PairPaths): string[] {
  const path = (name: string) =>
    `${matching("a folder", folder, PATH, "an absolute path")}/${name}`;
  const { certificate, privateKey } = shown ?? {
    certificate: path(KAPOW_FILES.certificate),
    privateKey: path(KAPOW_FILES.privateKey),
  };
  return [
    "server",
    `--bind=0.0.0.0:${KAPOW_PORT}`,
    `--certfile=${matching("the certificate's path", certificate, PATH, "an absolute path")}`,
    `--keyfile=${matching("the key's path", privateKey, PATH, "an absolute path")}`,
    // With the equals sign: in `--clientauth true` the word would be run as an init program, and
    // `--clientauth false` would switch the check on as well.
    "--clientauth=true",
    // Without it, Kapow! lets in every certificate of a public authority.
    `--clientcafile=${path(KAPOW_FILES.clientCa)}`,
    matching("the init program", init, PATH, "an absolute path"),
  ];
}

/** Where a restarted Kapow! says what it was started with: the name that the link then led to. */
const IN_USE = "/tmp/certificate-in-use";

/**
 * Runs a program, $2, with its arguments, and starts it anew when the link $1 leads elsewhere: it reads its
 * certificate at the start only. When it ends by itself, so does this.
 */
const RESTARTING = `\
link=$1
shift
child=
# What its commands have started ends, too: it would hold the port, or add to the new routes. As the first process of a
# container it can tell all others there, and elsewhere it must not.
end() {
  trap '' TERM
  if [ $$ -eq 1 ]; then
    kill -TERM -1 2>/dev/null
  else
    kill -TERM "$child" 2>/dev/null
  fi
  wait
}
stop() {
  end
  exit 0
}
trap stop TERM
while :; do
  version=$(readlink "$link")
  echo "$version" > ${IN_USE}
  "$@" &
  child=$!
  while kill -0 "$child" 2>/dev/null && [ "$(readlink "$link")" = "$version" ]; do
    sleep 2 &
    wait $!
  done
  if ! kill -0 "$child" 2>/dev/null; then
    wait "$child"
    exit $?
  fi
  echo "the certificate is renewed: starting anew with $(readlink "$link")"
  end
  trap stop TERM
done`;

/** An entrypoint that starts a program anew whenever a link leads elsewhere. */
export const restartedWith = (link: string): string[] => [
  "/bin/sh",
  "-c",
  RESTARTING,
  "restarting",
  matching("a link", link, PATH, "an absolute path"),
];

/** Run in the container: says what Kapow! was started with if it is well, as the proxy's `/healthz` does. */
export const kapowShows = (healthCheck: readonly string[]): string[] => [
  "/bin/sh",
  "-c",
  `"$@" && read -r version < ${IN_USE} && echo "ok $version"`,
  "shows",
  ...healthCheck,
];

/** Isolated and without site packages, as it starts every few seconds. */
const PYTHON_HEALTH = [
  "import socket, ssl, sys",
  "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)",
  "context.check_hostname = False",
  "context.verify_mode = ssl.CERT_NONE",
  "context.load_cert_chain(sys.argv[1], sys.argv[2])",
  `server = context.wrap_socket(socket.create_connection(("127.0.0.1", ${KAPOW_PORT}), 4))`,
  `path = "/" + sys.argv[3].split("/", 3)[3]`,
  String.raw`server.sendall(("GET %s HTTP/1.0\r\n\r\n" % path).encode())`,
  `answer = server.makefile("rb").readline().decode("latin-1").strip()`,
  `good = answer.split()[1:2] and answer.split()[1][0] in "23"`,
  `sys.exit(0 if good else 'answered "%s"' % answer)`,
].join("\n");

/** $1 is the certificate, $2 its key, $3 the URL, $4 Python's program. Busybox's wget has no --version. */
const HEALTH = `\
has() { command -v "$1" >/dev/null 2>&1; }
if has curl; then
  exec curl -fsSk -m 4 -o /dev/null --cert "$1" --key "$2" "$3"
elif has wget && wget --version >/dev/null 2>&1; then
  wget -q -T 4 -t 1 -O /dev/null --no-check-certificate --certificate="$1" --private-key="$2" "$3" && exit
  echo "wget got no good answer from $3 (exit code $?)" >&2
elif has python3; then
  exec python3 -I -S -c "$4" "$1" "$2" "$3"
else
  echo "the image has neither curl nor GNU wget or python3 to ask with" >&2
fi
exit 1`;

/**
 * Asks a route as a caller does, with a certificate. The handshake alone proves nothing: with TLS 1.3 a refusal
 * comes after it, and a server without routes answers 404 to everything. The server's certificate is not
 * checked, because the request goes over loopback and carries no secret.
 *
 * @param route A path that answers GET with 2xx.
 */
export function kapowHealthCheck(folder: string, route: string): string[] {
  return [
    "/bin/sh",
    "-c",
    HEALTH,
    "health",
    `${folder}/${KAPOW_FILES.healthCertificate}`,
    `${folder}/${KAPOW_FILES.healthKey}`,
    `https://127.0.0.1:${KAPOW_PORT}${matching("the health check's route", route, /^\/[\w.~/-]*$/, "a path")}`,
    PYTHON_HEALTH,
  ];
}
