/**
 * Compares the rotation numbers with those of the last `up` (what this program printed then) before
 * anything is rotated, and prints them for the next time.
 */
import { z } from "zod";
import { consequences, jumps } from "../../settings/rotationNumbers.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";

const numbers = z.record(z.string(), z.number().int());

await runProgram(z.object({ numbers }), 10, async (input) => {
  // The command provider's name for what a command printed when it ran last.
  const last = process.env["PULUMI_COMMAND_STDOUT"];
  const before = last ? numbers.parse(JSON.parse(last)) : {};
  const problems = jumps(before, input.numbers);
  if (problems.length > 0) {
    throw new UserError(problems.join("; "));
  }
  for (const sentence of consequences(before, input.numbers)) {
    process.stderr.write(`${sentence}\n`);
  }
  process.stdout.write(JSON.stringify(input.numbers));
  await Promise.resolve();
});
