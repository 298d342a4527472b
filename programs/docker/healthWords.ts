import { lastLine, withoutSecrets } from "./oneLine.ts";

/**
 * The message of a failed health check, in one line without secrets; undefined if there is none.
 *
 * @param output The check's output in `docker inspect`, or the output of `docker exec`.
 */
export function healthWords(output: string): string | undefined {
  const text = output.trim();
  const [, missing] =
    /exec: \\*"([^"\\]+)\\*": (?:executable file not found|stat \S+: no such file)/.exec(text) ??
    [];
  if (missing !== undefined) {
    return `the image has no \`${missing}\`, which the health check runs`;
  }
  const [, seconds] = /^Health check exceeded timeout \((\d+)/.exec(text) ?? [];
  if (seconds !== undefined) {
    return `no answer within ${seconds} s`;
  }
  if (text === "") {
    return undefined;
  }
  // The first line has the cause, and the program's own advice follows. Python's cause is in the last line.
  const [first = ""] = text.split("\n");
  return first.startsWith("Traceback") ? lastLine(text) : withoutSecrets(first);
}
