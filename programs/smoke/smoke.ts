/** Looks at the deployment from outside. The first thing that is wrong is named in one sentence. */
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
