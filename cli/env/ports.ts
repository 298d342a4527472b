/** Ports of a new environment beside those of the others, which may come to run on the same engine. */
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

/** Ports between one environment's and the next one's. */
const STEP = 100;

/** What the other environments' files ask for on this machine's engine; files that can't be read, nothing. */
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

/** Who has the port already; undefined where it is free. */
export function holderOf(
  wanted: Pick<Listener, "address" | "port">,
  taken: readonly Taken[],
): string | undefined {
  const own: Listener = { path: [], ...wanted };
  const first = clashes([...taken, own]).find(({ second }) => second === own)?.first;
  return taken.find((listener) => listener === first)?.file;
}

/** The wanted port, or the next one, a hundred further each time, that nobody has. */
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
