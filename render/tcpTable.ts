/** A container's TCP connections, as the kernel lists them in /proc/net/tcp. */

/** Where the kernel lists them, in the container. Any image has something that reads it. */
export const TCP_TABLE = "/proc/net/tcp";

/** What the kernel calls the states that matter here. */
const LISTEN = "0A";
/** Nobody uses these any more: the kernel only waits for stray packets. */
const OVER = ["06", "07"];

/** The connections of a server at one of its ports. */
export interface PortUse {
  readonly listens: boolean;
  /** Connections that wait to be accepted, as far as the kernel knows. */
  readonly queue: number;
  /** Connections that either side has not closed yet, those that wait included. */
  readonly open: number;
}

/** @param table The text of /proc/net/tcp. */
export function useOfPort(table: string, port: number): PortUse {
  const own = rows(table).filter(({ localPort }) => localPort === port);
  const listening = own.filter(({ state }) => state === LISTEN);
  return {
    listens: listening.length > 0,
    queue: listening.reduce((sum, { received }) => sum + received, 0),
    open: own.filter(({ state }) => state !== LISTEN && !OVER.includes(state)).length,
  };
}

/** For a listening socket, `received` is the length of its queue. */
function rows(table: string) {
  return table.split("\n").flatMap((line) => {
    const [, local, state = "", queues = ""] = /^\s*\d+: (\S+) \S+ (\S\S) (\S+)/.exec(line) ?? [];
    return local === undefined
      ? []
      : [
          {
            localPort: portOf(local),
            state,
            received: Number.parseInt(queues.split(":")[1] ?? "0", 16),
          },
        ];
  });
}

const portOf = (endpoint: string) => Number.parseInt(endpoint.split(":")[1] ?? "", 16);

/** $1 is a port in hex. Only a shell: the image may have little else. */
const LISTENS = `\
while read -r line local remote state rest; do
  case "$local $state" in *:"$1 ${LISTEN}") exit 0;; esac
done < ${TCP_TABLE}
echo "nothing listens on port $2"
exit 1`;

/**
 * A health check: whether something listens on a port. It connects to nothing, because a collector would take
 * that for a record.
 */
export function listeningHealthCheck(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return ["sh", "-c", LISTENS, "health", hex, String(port)];
}
