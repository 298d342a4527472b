/** The two shell scripts of a module's folder. They run where this project isn't: POSIX sh and Docker alone. */
import { type Kind, moduleOptions, runOptions, type RunInput, wrapped } from "./dockerRun.ts";

export interface ScriptInput extends RunInput {
  readonly stack: string;
  readonly user: string;
  readonly image: string;
}

const USAGE: Readonly<Record<Kind, readonly string[]>> = {
  collector: [
    "#   ./run.sh             in the foreground, until Ctrl-C",
    "#   ./run.sh --detach    in the background, and again after a restart of the machine",
  ],
  query: ["#   ./run.sh QUERY [OPTIONS]    the answer is in the file output"],
};

/** Starts the module. */
export function runScript(input: ScriptInput): string {
  const { kind, stack, user, image } = input;
  return [
    "#!/bin/sh",
    `# Runs CYBEX-P's ${kind} module as ${user} of the stack ${stack}:`,
    ...USAGE[kind],
    "# IMAGE=NAME runs another image.",
    "set -eu",
    'cd "$(dirname "$0")"',
    "umask 077",
    `image=\${IMAGE:-${image}}`,
    "mkdir -p secrets",
    "",
    "# The module takes whatever is in these files for a key, be it an error page.",
    "spoilt=",
    "if [ -e secrets/de.bin ] && ! grep -q '^-----BEGIN ' secrets/de.bin; then spoilt=secrets/de.bin; fi",
    "if [ -e secrets/ore.bin ] && ! grep -Eq '^[A-Za-z0-9+/]{40,}={0,2}$' secrets/ore.bin; then",
    '  spoilt="$spoilt secrets/ore.bin"',
    "fi",
    'if [ -n "$spoilt" ]; then',
    '  echo "error: not a key, but an answer of a server that was stored as one:" $spoilt >&2',
    '  echo "Delete what is named, and the module fetches the keys again: rm" $spoilt >&2',
    "  exit 1",
    "fi",
    "",
    "# The files here are readable by their owner alone. Where the engine itself runs as that user, it is",
    "# root in the container.",
    'user="$(id -u):$(id -g)"',
    "case $(docker info --format '{{.SecurityOptions}}') in *name=rootless*) user=0:0 ;; esac",
    "",
    ...(kind === "query" ? query(input) : collector(input)),
    "",
  ].join("\n");
}

function query(input: ScriptInput): string[] {
  return [
    // The module may not make it: its root is read-only.
    ": >output",
    ...wrapped(["exec docker run --rm", ...runOptions(input, '"$user"'), '"$image"', '"$@"']),
  ];
}

function collector(input: ScriptInput): string[] {
  return [
    "case ${1-} in",
    "  '') set -- --rm ;;",
    `  --detach) set -- --detach --name=${input.name} --restart=unless-stopped ;;`,
    '  *) echo "usage: ./run.sh [--detach]" >&2; exit 2 ;;',
    "esac",
    ...wrapped(['exec docker run "$@"', ...runOptions(input, '"$user"'), '"$image"']),
  ];
}

/**
 * A `docker` to put before Docker's own on the path of collector.sh or query.sh. It adds to their `docker run`
 * what they have no option for, and passes on everything else.
 */
export function dockerShim({ route }: Pick<RunInput, "route">): string {
  return [
    "#!/bin/sh",
    "# Docker's command for CYBEX-P's own collector.sh and query.sh: see README.txt.",
    "set -eu",
    'bin=$(cd "$(dirname "$0")" && pwd)',
    'folder=$(dirname "$bin")',
    "# Docker's own command is the next one on the path.",
    `PATH=$(printf '%s' "$PATH" | tr ':' '\\n' | grep -vxF "$bin" | paste -s -d : -)`,
    "export PATH",
    'if [ "${1-}" = run ]; then',
    "  shift",
    ...wrapped(["  set -- run", ...moduleOptions(route, "$folder"), '"$@"'], "    "),
    "fi",
    'exec docker "$@"',
    "",
  ].join("\n");
}
