/**
 * Removes the SDK's debug messages from Pulumi's JSON events. `pulumi up --json` writes them even without
 * --debug, and they contain the providers' answers, with secrets in clear.
 */
import { Transform } from "node:stream";

/** Whether the CLI would write debug messages that nobody asked for. */
export function writesDebugMessages(args: readonly string[]): boolean {
  return args.some(isFlag("json")) && !args.some(isFlag("debug", "d"));
}

const isFlag =
  (...names: readonly string[]) =>
  (arg: string): boolean =>
    names.some((name) =>
      name.length === 1 ? arg === `-${name}` : arg === `--${name}` || arg === `--${name}=true`,
    );

/** Whether a line is an event that holds a debug message. */
export function isDebugMessage(line: string): boolean {
  if (!line.startsWith("{") || !line.includes('"diagnosticEvent"')) {
    return false;
  }
  try {
    const event = JSON.parse(line) as { diagnosticEvent?: { severity?: unknown } };
    return String(event.diagnosticEvent?.severity).startsWith("debug");
  } catch {
    return false;
  }
}

/** Passes on all lines but the debug messages, byte for byte. */
export function withoutDebugMessages(): Transform {
  let rest = Buffer.alloc(0);
  const lines = function* (text: Buffer) {
    for (let start = 0, end; (end = text.indexOf(10, start) + 1) > 0; start = end) {
      yield text.subarray(start, end);
    }
  };
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const text = Buffer.concat([rest, chunk]);
      rest = text.subarray(text.lastIndexOf(10) + 1);
      for (const line of lines(text)) {
        if (!isDebugMessage(line.toString("utf8"))) {
          this.push(line);
        }
      }
      done();
    },
    flush(done) {
      done(null, isDebugMessage(rest.toString("utf8")) ? undefined : rest);
    },
  });
}
