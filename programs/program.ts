import { text } from "node:stream/consumers";
import type { z } from "zod";
import { UserError } from "./errors.ts";

/** For a program whose limit depends on its input: how long that may take to come. */
const INPUT_SECONDS = 30;

/**
 * Runs a program that Pulumi starts: JSON on standard input, checked against a schema; a time limit;
 * on failure one sentence on standard error and never the input, which has secrets in it.
 *
 * @param limitSeconds After it the program gives up, whatever it waits for; may depend on the input.
 */
export async function runProgram<T>(
  schema: z.ZodType<T>,
  limitSeconds: number | ((input: T) => number),
  main: (input: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  let limit = startLimit(typeof limitSeconds === "number" ? limitSeconds : INPUT_SECONDS);
  const giveUp = (error: unknown) =>
    fail(limit.signal.aborted ? `gave up after ${limit.seconds} s` : explain(error));
  // What nobody awaits would be shown with its message, too.
  process.on("uncaughtException", giveUp);
  try {
    const parsed = schema.safeParse(JSON.parse(await text(process.stdin)));
    if (!parsed.success) {
      // Paths only: zod's messages may quote a value.
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

/** From the start on: a hung child may ignore the signal, the limit holds all the same. */
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
  // A bug of ours: its name and place, without the message, which may quote the input.
  const trace = error.stack?.replace(error.message, "").split("\n") ?? [];
  return `internal error: ${error.name}${trace.find((line) => /^ +at .*:\d+:\d+\)?$/.test(line)) ?? ""}`;
}

function fail(sentence: string): never {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
