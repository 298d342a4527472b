/**
 * Compares the rotation numbers with those of the last `up`, before anything is rotated. It prints the
 * numbers, so that the next run can compare with them.
 */
import { z } from "zod";
import { consequences, jumps, vainRotations } from "../../settings/rotationNumbers.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";

const numbers = z.record(z.string(), z.number().int());

const guarded = z.object({
  numbers,
  /** Numbers of databases outside of the stack. */
  foreign: z.array(z.string()).default([]),
});

await runProgram(guarded, 10, async (input) => {
  // The command provider puts the command's last output there.
  const last = process.env["PULUMI_COMMAND_STDOUT"];
  const before = last ? numbers.parse(JSON.parse(last)) : {};
  const vain = vainRotations(before, input.numbers, input.foreign);
  const problems = vain.length > 0 ? vain : jumps(before, input.numbers);
  if (problems.length > 0) {
    throw new UserError(problems.join("; "));
  }
  for (const sentence of consequences(before, input.numbers)) {
    process.stderr.write(`${sentence}\n`);
  }
  process.stdout.write(JSON.stringify(input.numbers));
  await Promise.resolve();
});
