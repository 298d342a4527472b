import { lastLine, withoutSecrets } from "./oneLine.ts";

/**
 * What a failed health check said, in one line without secrets: its output as in `docker inspect`, or
 * what `docker exec` wrote. Undefined when it said nothing.
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
  // What follows the first line is the asking program's own advice, but Python's cause is the last one.
  const [first = ""] = text.split("\n");
  return first.startsWith("Traceback") ? lastLine(text) : withoutSecrets(first);
}
