import { text } from "node:stream/consumers";
import type { z } from "zod";
import { UserError } from "./errors.ts";

/** How long the input may take to arrive, for a program whose limit depends on it. */
const INPUT_SECONDS = 30;

/**
 * Runs a program that Pulumi starts. It reads JSON from standard input, checks it against a schema, and
 * sets a time limit. A failure is one sentence on standard error, never the input, which contains secrets.
 *
 * @param limitSeconds When to give up, whatever the program waits for. It may depend on the input.
 */
export async function runProgram<T>(
  schema: z.ZodType<T>,
  limitSeconds: number | ((input: T) => number),
  main: (input: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  let limit = startLimit(typeof limitSeconds === "number" ? limitSeconds : INPUT_SECONDS);
  const giveUp = (error: unknown) =>
    fail(limit.signal.aborted ? `gave up after ${limit.seconds} s` : explain(error));
  // Otherwise Node would print the message of an error that nobody handles.
  process.on("uncaughtException", giveUp);
  try {
    const parsed = schema.safeParse(JSON.parse(await text(process.stdin)));
    if (!parsed.success) {
      // Only paths, because zod's messages may quote a value.
      const paths = parsed.error.issues.map((issue) => issue.path.join("."));
      fail(`unexpected input at ${paths.join(", ")}`);
    }
    if (typeof limitSeconds === "function") {
      limit.stop();
      limit = startLimit(limitSeconds(parsed.data));
    }
    await main(parsed.data, limit.signal);
  } catch (error) {
    giveUp(error);
  }
}

/** Holds from the start, even if a hung child ignores the signal. */
function startLimit(seconds: number) {
  const lastResort = setTimeout(() => fail(`gave up after ${seconds} s`), (seconds + 5) * 1000);
  lastResort.unref();
  return {
    seconds,
    signal: AbortSignal.timeout(seconds * 1000),
    stop: () => clearTimeout(lastResort),
  };
}

function explain(error: unknown): string {
  if (error instanceof UserError) {
    return error.message;
  }
  if (!(error instanceof Error)) {
    return `internal error: ${typeof error}`;
  }
  // A bug of ours. Print its name and place, but not the message, which may quote the input.
  const trace = error.stack?.replace(error.message, "").split("\n") ?? [];
  return `internal error: ${error.name}${trace.find((line) => /^ +at .*:\d+:\d+\)?$/.test(line)) ?? ""}`;
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
