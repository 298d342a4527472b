/** Asks an image whether it has what it needs, and reads its answer. */
import type { ImageNeeds } from "./imageNeeds.ts";

/** After this line comes the output of the last argument's program. */
export const END_OF_CHECK = "end of check";

/**
 * A POSIX shell script. Its arguments are a command line to run at the end, or nothing, and the needs:
 * `program a|b`, `start PROGRAM`, `path /FILE` and `file /FILE`. Prints a line for each fault.
 */
const SCRIPT = `
last=$1; shift
has() {
  case $1 in
    'GNU wget') wget --version >/dev/null 2>&1; return;;
    'nginx with stream')
      echo 'include /etc/nginx/modules-enabled/*.conf; pid /tmp/pid; events {} stream {}' >/tmp/stream.conf &&
      nginx -e stderr -t -q -c /tmp/stream.conf 2>/dev/null
      return;;
  esac
  found=$(command -v "$1" 2>/dev/null) || return
  case $found in /*) [ -x "$found" ];; esac
}
hasOne() {
  while [ -n "$1" ]; do
    has "\${1%%|*}" && return
    case $1 in *'|'*) set -- "\${1#*|}";; *) return 1;; esac
  done
}
reachable() {
  [ -z "\${1%/*}" ] || reachable "\${1%/*}" || return
  [ ! -d "$1" ] || [ -x "$1" ]
}
readable() {
  reachable "$1" && { [ ! -e "$1" ] || [ -r "$1" ] || [ -x "$1" ]; }
}
for need; do
  what=\${need#* }
  case $need in
    program*) hasOne "$what" || echo "missing $what";;
    start*) has "$what" || echo "start $what";;
    path*) readable "$what" || echo "unreadable $what";;
    file*) [ ! -d "$what" ] || echo "folder $what";;
  esac
done
echo '${END_OF_CHECK}'
[ -z "$last" ] || eval "$last"
exit 0
`;

/** What an image says about itself, as far as it matters here. */
export interface ImageConfig {
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
}

/**
 * The arguments of `sh` in a container of the image.
 *
 * @param last A shell command whose output is wanted as well.
 */
export function checkArguments(needs: ImageNeeds, image: ImageConfig, last = ""): string[] {
  const started = needs.startsItself ? [...(image.Entrypoint ?? []), ...(image.Cmd ?? [])] : [];
  const [program, ...words] = started;
  return [
    ...["-c", SCRIPT, "sh", last],
    ...needs.programs.map((choice) => `program ${choice.join("|")}`),
    ...(program === undefined ? [] : [`start ${program}`]),
    ...words.filter((word) => word.startsWith("/")).map((word) => `path ${word}`),
    ...(needs.files ?? []).map((file) => `file ${file}`),
  ];
}

/** What is wrong with the image, and what the last command printed. */
export function readCheck(output: string): { faults: string[]; printed: string } {
  const lines = output.split("\n");
  const end = lines.indexOf(END_OF_CHECK);
  if (end < 0) {
    throw new RangeError("the check of an image did not get to its end");
  }
  return { faults: lines.slice(0, end), printed: lines.slice(end + 1).join("\n") };
}

/**
 * All of an image's faults in one sentence.
 *
 * @param image As its users call it.
 * @param faults As of `readCheck`.
 */
export function faultSentence(image: string, needs: ImageNeeds, faults: readonly string[]): string {
  const of = (kind: string) =>
    faults
      .filter((fault) => fault.startsWith(`${kind} `))
      .map((fault) => fault.slice(kind.length + 1));
  const missing = of("missing").map(oneOf);
  const parts = [
    ...(missing.length > 0 ? [`it lacks ${listed(missing, "and")}`] : []),
    ...of("start").map(
      (program) => `${program}, with which it starts, is not there or can't be executed`,
    ),
    ...of("unreadable").map((path) => `${path}, which it starts with, can't be read by that user`),
    ...of("folder").map((path) => `${path} is a folder, but a file is mounted there`),
  ];
  return `${opening(image, needs)}: ${parts.join("; ")}; ${ADVICE}`;
}

/** Why the check itself could not start. Undefined if the image is not the cause. */
export function startSentence(image: string, needs: ImageNeeds, words: string): string | undefined {
  const causes: [RegExp, string][] = [
    [/executable file not found|stat \S+: no such file/, "it has no shell (sh)"],
    [/exec format error/, "it is made for another processor than the engine's"],
  ];
  const cause = causes.find(([pattern]) => pattern.test(words))?.[1];
  return cause && `${opening(image, needs)}: ${cause}; ${ADVICE}`;
}

const ADVICE = "what an image must have is in docs/images.md";

function opening(image: string, { role, user }: ImageNeeds): string {
  return `the image ${image} can't be run as ${role} by the user ${user}`;
}

function oneOf(choice: string): string {
  const names = choice.split("|");
  return names.length === 1 ? choice : `one of ${listed(names, "or")}`;
}

/** "a, b or c" */
function listed(words: readonly string[], last: string): string {
  return [words.slice(0, -1).join(", "), words.at(-1)].filter(Boolean).join(` ${last} `);
}
