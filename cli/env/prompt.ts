import { createInterface } from "node:readline";

/** Asks on standard error, and reads lines from standard input, which is a terminal or a pipe. */
export interface Prompt {
  /** The answer, without surrounding space; undefined if the input has ended. */
  ask(question: string): Promise<string | undefined>;
  /** Writes a line that is not a question. */
  say(text: string): void;
  close(): void;
}

export function openPrompt(input = process.stdin, output = process.stderr): Prompt {
  const terminal = input.isTTY;
  const reader = createInterface({ input, output, terminal });
  // Lines from a pipe wait here until they are asked for.
  const lines: string[] = [];
  let waiting: ((line: string | undefined) => void) | undefined;
  let ended = false;
  const next = () => {
    if (waiting !== undefined && (lines.length > 0 || ended)) {
      waiting(lines.shift());
      waiting = undefined;
    }
  };
  reader.on("line", (line) => {
    lines.push(line);
    next();
  });
  reader.on("close", () => {
    ended = true;
    next();
  });
  // In a terminal, Ctrl-C arrives as a key. Make it end the command like a signal (machine/signals.ts).
  reader.on("SIGINT", () => {
    output.write("\n");
    process.kill(process.pid, "SIGINT");
  });
  return {
    async ask(question) {
      if (!ended) {
        reader.setPrompt(terminal ? `${question} ` : `${question}\n`);
        reader.prompt();
      }
      const line = await new Promise<string | undefined>((resolve) => {
        waiting = resolve;
        next();
      });
      return line?.trim();
    },
    say: (text) => output.write(`${text}\n`),
    close: () => reader.close(),
  };
}
