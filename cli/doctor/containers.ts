/** Checks that the stack's containers exist, run, and are healthy. */
import { here } from "../../programs/npmRun.ts";
import { exitWords } from "../../programs/docker/exitCodes.ts";
import { healthWords } from "../../programs/docker/healthWords.ts";
import { lastLine } from "../../programs/docker/oneLine.ts";
import type { Finding } from "./finding.ts";

/** The part of `docker container inspect` that is used here. */
export interface ContainerFacts {
  readonly Name: string;
  readonly RestartCount: number;
  readonly HostConfig: {
    /** Bytes; 0 for no limit. */
    readonly Memory: number;
  };
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    /** Why the engine could not start it. */
    readonly Error?: string;
    readonly Health?: {
      readonly Status: string;
      readonly Log?: readonly { readonly Output: string }[] | null;
    };
  };
}

/**
 * What is wrong with containers, by name.
 *
 * @param expected The containers in the state.
 * @param found What the engine says about them.
 */
export function illnesses(
  expected: readonly string[],
  found: ReadonlyMap<string, ContainerFacts>,
): Map<string, string> {
  return new Map(
    expected.flatMap((name) => {
      const text = illness(name, found.get(name));
      return text === undefined ? [] : [[name, text] as const];
    }),
  );
}

/** @param ill The result of `illnesses`. */
export function containerFindings(
  expected: readonly string[],
  found: ReadonlyMap<string, ContainerFacts>,
  ill: ReadonlyMap<string, string>,
): Finding[] {
  const well = expected.length - ill.size;
  const restarts = expected
    .map((name) => ({ name, count: found.get(name)?.RestartCount ?? 0 }))
    .filter(({ count }) => count > 0);
  return [
    ...(well === 0
      ? []
      : [{ level: "good" as const, about: "containers", text: `${well} run and are healthy` }]),
    ...restarts.map(({ name, count }) => ({
      level: "note" as const,
      about: "container",
      text: `${name} ended and was restarted ${count === 1 ? "once" : `${count} times`}: see \`docker logs ${name}\``,
    })),
    ...[...ill.values()].map((text) => ({ level: "fault" as const, about: "container", text })),
  ];
}

function illness(name: string, container: ContainerFacts | undefined): string | undefined {
  const up = `\`${here("up")}\` creates it again`;
  if (container === undefined) {
    return `${name} is gone: ${up}`;
  }
  const { Status, ExitCode, OOMKilled, Error: error = "", Health } = container.State;
  const logs = `see \`docker logs ${name}\``;
  if (Status === "paused") {
    return `${name} is paused: \`docker unpause ${name}\`, or ${up}`;
  }
  if (Status !== "running" && error !== "") {
    return `${name} is ${Status}: ${unstartable(name, error)}`;
  }
  if (Status !== "running") {
    const why = OOMKilled ? "it exceeded its memory limit" : exitWords(ExitCode);
    return `${name} is ${Status} (${why}): ${logs}; ${up}`;
  }
  if (Health !== undefined && Health.Status !== "healthy") {
    const words = healthWords(Health.Log?.at(-1)?.Output ?? "");
    return `${name} is ${Health.Status}${words ? ` (${words})` : ""}: ${logs}`;
  }
  return undefined;
}

/** Why the engine could not start a container, and what to do. */
function unstartable(name: string, error: string): string {
  const start = `run \`docker start ${name}\``;
  const [, address] = /listen \w+ \[?([\da-f.:]+)\]?:\d+: bind: cannot assign/.exec(error) ?? [];
  if (address !== undefined) {
    return (
      `the engine's machine does not have the address ${address} (yet), for example after a reboot: once it has, ` +
      `${start}; docs/guide.md, "After a reboot", has a unit that does so`
    );
  }
  const [, port] =
    /(?:listen \w+|bind host port(?: for)?) ((?:\[[^\]]*\]|[\d.]+):\d+)[:/].*address already in use/.exec(
      error,
    ) ?? [];
  return port === undefined
    ? `the engine could not start it (${lastLine(error)}): fix the cause, and then ${start}`
    : `another program holds ${port}: end it (\`ss -ltnp\` on the engine's machine shows it), and then ${start}`;
}
