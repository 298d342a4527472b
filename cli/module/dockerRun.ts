/** The `docker run` of a module, for its script and its README alike. */
import { type Route, routeOptions } from "./route.ts";

export const KINDS = ["collector", "query"] as const;
export type Kind = (typeof KINDS)[number];

/** CYBEX-P's own names of the images, which its scripts build. */
export const IMAGES: Readonly<Record<Kind, string>> = {
  collector: "cybexp-collector",
  query: "cybexp-priv-query",
};

/** How long a collector may take to send what it has received. */
export const DRAIN_SECONDS = 120;

/** Where collector.sh publishes the ingest port, but on loopback alone: what arrives there is not encrypted. */
export const BIND = "127.0.0.1:6000";

/** Where the container has the authorities that it trusts. */
export const CA = "/ca.pem";

/** What the modules' HTTP library reads, and no option of the modules says. */
const TRUST = `--env=REQUESTS_CA_BUNDLE=${CA}`;

/**
 * What a container needs beyond what CYBEX-P's own scripts give it: whom to trust, the way to the proxy, and
 * SIGINT with time to finish. On SIGTERM, Docker's default, a collector loses what it has in hand.
 *
 * @param folder The module's folder, as a shell writes it.
 */
export function moduleOptions(route: Route, folder: string): string[] {
  return [
    "--stop-signal=SIGINT",
    `--stop-timeout=${DRAIN_SECONDS}`,
    ...routeOptions(route),
    TRUST,
    `--volume="${folder}/ca.pem:${CA}:ro"`,
  ];
}

/** As little as the module needs. Its user is the folder's owner, because nobody else may read the config. */
const CONFINED = [
  "--read-only",
  "--tmpfs=/tmp",
  "--cap-drop=ALL",
  "--security-opt=no-new-privileges",
];

export interface RunInput {
  readonly kind: Kind;
  readonly route: Route;
  /** How the container is called, if it runs in the background. */
  readonly name: string;
}

/**
 * The options of `docker run`, in the module's folder. The image and, for a query, its arguments follow.
 *
 * @param user The user and group, as a shell writes them.
 */
export function runOptions({ kind, route }: RunInput, user = `"$(id -u):$(id -g)"`): string[] {
  const folder = "$PWD";
  return [
    `--user=${user}`,
    ...CONFINED,
    // A container in the host's network has the port there, without being published.
    ...(kind === "collector" && route.kind !== "host" ? [`--publish=${BIND}:8080`] : []),
    ...moduleOptions(route, folder),
    `--volume="${folder}/config.yaml:/config.yaml:ro"`,
    `--volume="${folder}/secrets:/secrets"`,
    ...(kind === "query" ? [`--volume="${folder}/output:/output"`] : []),
  ];
}

/** A shell command over several lines. */
export function wrapped(words: readonly string[], indent = "  "): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < 90) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push(`${lines.length === 0 ? "" : indent}${word}`);
    }
  }
  return lines.map((line, index) => (index === lines.length - 1 ? line : `${line} \\`));
}
