import { createInterface } from "node:readline";

/** Asks on standard error and reads lines of standard input, from a terminal or a pipe. */
export interface Prompt {
  /** The answer, without the space around it; undefined when the input has ended. */
  ask(question: string): Promise<string | undefined>;
  /** Writes a line beside the questions. */
  say(text: string): void;
  close(): void;
}

export function openPrompt(input = process.stdin, output = process.stderr): Prompt {
  const terminal = input.isTTY;
  const reader = createInterface({ input, output, terminal });
  // Lines that a pipe brings before they are asked for wait here.
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
  // A terminal's Ctrl-C comes as a key: it ends the command as a signal does (machine/signals.ts).
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
