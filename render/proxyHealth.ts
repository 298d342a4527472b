/**
 * The proxy's health check. It also has Nginx read a renewed certificate: it runs in the container every few seconds,
 * as Nginx's own user, so neither a Docker socket nor another container is needed.
 */
import { SERVED } from "./acmePaths.ts";
import { httpBody } from "./httpProbe.ts";
import { CLOSING_FILE } from "./proxySignals.ts";

/** What a renewal is at: the version, `announced` or `told`, and the second from which it has been told. */
const STATE_FILE = "/tmp/renewal";

/** Seconds that Nginx may take to show a certificate that it was told of, and until it is told again. */
const PATIENCE = 15;
const RETRY = 60;

/** Seconds for which answers are still the last ones on their connections, once Nginx was told. */
const LAST_ANSWERS = 2;

/** $1 and $2 are the programs that ask, $3 the port. */
const HEALTH = `\
ask() { sh -c "$1" body 127.0.0.1 "$3" "$4" "$5" "$2"; }
if ! answer=$(ask "$1" "$2" "$3" /healthz 3 2>&1); then
  echo "Nginx does not answer at its status port\${answer:+: $answer}"
  exit 1
fi

# Without a version in it, the certificate is part of the release.
in_use=\${answer#ok}
in_use=\${in_use# }
if [ -z "$in_use" ]; then
  # It came in the midst of a renewal, where another source was chosen.
  if [ -e ${STATE_FILE} ]; then
    rm -f ${CLOSING_FILE} ${STATE_FILE}
  fi
  exit 0
fi
wanted=$(sed -n 's,^ssl_certificate /acme/\\([A-Za-z0-9-]*\\)/fullchain\\.pem;$,\\1,p' ${SERVED.nginx} 2>/dev/null)
if [ -z "$wanted" ]; then
  echo "${SERVED.nginx} is gone, so Nginx could not be started again with its certificate"
  exit 1
fi
now=$(date +%s)
version= state= since=0
if [ -e ${STATE_FILE} ]; then
  read -r version state since < ${STATE_FILE}
fi
if [ "$in_use" = "$wanted" ]; then
  # A new worker says so, while an old one may still be about to close its connections.
  if [ "$since" -gt 0 ] && [ $((now - since)) -ge ${LAST_ANSWERS} ]; then
    rm -f ${CLOSING_FILE} ${STATE_FILE}
  fi
  exit 0
fi

conf=/release/current/nginx.conf

tell() {
  if ! words=$(nginx -e stderr -c "$conf" -s reload 2>&1); then
    echo "Nginx can't be told of the renewed certificate: $words"
    exit 1
  fi
  echo "$wanted told $now" > ${STATE_FILE}
  exit 0
}

if [ "$version" != "$wanted" ]; then
  if ! words=$(nginx -t -q -e stderr -c "$conf" 2>&1); then
    echo "Nginx can't take the renewed certificate and goes on with the one before: $words"
    exit 1
  fi
  # An Nginx that closes idle connections at a reload lets clients know beforehand.
  linger=$(ask "$1" "$2" "$3" /linger 1 2>/dev/null)
  case $linger in '' | *[!0-9]*) tell ;; esac
  : >> ${CLOSING_FILE}
  echo "$wanted announced $((now + linger))" > ${STATE_FILE}
elif [ "$state" = announced ]; then
  [ "$now" -lt "$since" ] || tell
elif [ $((now - since)) -gt ${PATIENCE} ]; then
  rm -f ${CLOSING_FILE}
  [ $((now - since)) -lt ${RETRY} ] || rm -f ${STATE_FILE}
  echo "Nginx was told of the renewed certificate $wanted and still shows $in_use: see its log"
  exit 1
fi
exit 0`;

/** Run in the proxy's container: says `ok` and the version of the certificate that Nginx has read. */
export const proxyShows = (port: number): string[] =>
  httpBody({ host: "127.0.0.1", port, path: "/healthz", seconds: 2 });

/** The same for every source of certificates, so that another one doesn't replace the container. */
export function proxyHealthCheck(port: number): string[] {
  const [shell = "sh", flag = "-c", ask = "", ...words] = httpBody({
    host: "127.0.0.1",
    port,
    path: "/healthz",
    seconds: 3,
  });
  return [shell, flag, HEALTH, "health", ask, words.at(-1) ?? "", String(port)];
}
