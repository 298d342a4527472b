/** Finds ports for a new environment that the others don't use, because they may share an engine. */
import { readdirSync } from "node:fs";
import { clashes, type Listener, listenersIn } from "../../settings/listeners.ts";
import { readPart } from "../../settings/read.ts";
import { projectRoot } from "../../machine/paths.ts";
import { stackConfig } from "../../stack/configFile.ts";

/** A listener of another environment. */
export interface Taken extends Listener {
  /** The file that asks for it, such as `Pulumi.dev.yaml`. */
  readonly file: string;
}

/** The distance between one environment's ports and the next one's. */
const STEP = 100;

/** The listeners in the other environments' files, for this machine's engine. Unreadable files are skipped. */
export function takenListeners(root = projectRoot): Taken[] {
  return readdirSync(root).flatMap((file) => {
    const [, stack] = /^Pulumi\.(.+)\.yaml$/.exec(file) ?? [];
    return stack === undefined || stack.endsWith(".example") ? [] : takenIn(stack, file);
  });
}

function takenIn(stack: string, file: string): Taken[] {
  try {
    const config = stackConfig(stack);
    const elsewhere = config["docker:host"] !== undefined;
    const values = Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key.replace(/^cybexp:/, ""), value]),
    );
    const listeners = elsewhere ? [] : listenersIn(readPart(values).settings);
    return listeners.map((listener) => ({ ...listener, file }));
  } catch {
    return [];
  }
}

/** The file of the environment that has the port; undefined if it is free. */
export function holderOf(
  wanted: Pick<Listener, "address" | "port">,
  taken: readonly Taken[],
): string | undefined {
  const own: Listener = { path: [], ...wanted };
  const first = clashes([...taken, own]).find(({ second }) => second === own)?.first;
  return taken.find((listener) => listener === first)?.file;
}

/** The wanted port if it is free, or else the first free one in steps of a hundred. */
export function freePort(
  wanted: Pick<Listener, "address" | "port">,
  taken: readonly Taken[],
): number {
  let { port } = wanted;
  while (port + STEP <= 65535 && holderOf({ ...wanted, port }, taken) !== undefined) {
    port += STEP;
  }
  return port;
}
