/**
 * Compares the rotation numbers with those of the last `up`, before anything is rotated. It prints the
 * numbers, so that the next run can compare with them.
 */
import { z } from "zod";
import { consequences, jumps, vainChanges } from "../../settings/rotationNumbers.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";

const numbers = z.record(z.string(), z.number().int());

const guarded = z.object({
  numbers,
  /** Those that go up one at a time, beside those of users and clients. */
  steps: z.array(z.string()),
  fixed: z.record(
    z.string(),
    z.object({ called: z.string().optional(), why: z.string(), instead: z.string().optional() }),
  ),
  /** What to say when one changes. */
  consequences: z.record(z.string(), z.string()),
});

await runProgram(guarded, 10, async (input) => {
  // The command provider puts the command's last output there.
  const last = process.env["PULUMI_COMMAND_STDOUT"];
  const before = last ? numbers.parse(JSON.parse(last)) : {};
  const vain = vainChanges(before, input.numbers, input);
  const problems = vain.length > 0 ? vain : jumps(before, input.numbers, input);
  if (problems.length > 0) {
    throw new UserError(problems.join("; "));
  }
  for (const sentence of consequences(before, input.numbers, input)) {
    process.stderr.write(`${sentence}\n`);
  }
  process.stdout.write(JSON.stringify(input.numbers));
  await Promise.resolve();
});
