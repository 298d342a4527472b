/** Checks the deployment from outside, and reports the first problem in one sentence. */
import { outside, outsideChecks } from "./outside.ts";
import { runProgram } from "../program.ts";

await runProgram(outside, 90, async (input) => {
  for (const check of outsideChecks(input)) {
    const note = await check.run();
    if (note) {
      process.stderr.write(`note: ${note}\n`);
    }
  }
});
