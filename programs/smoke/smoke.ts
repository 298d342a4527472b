/** Checks the deployment from outside, and reports the first problem in one sentence. */
import { awaitCertificates } from "../certificates/renewal.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { type Outside, outside, outsideChecks } from "./outside.ts";
import { WrongName } from "./probe.ts";

await runProgram(outside, 240, async (input) => {
  const missing = await missingCertificates(input);
  const notes = [...missing];
  for (const check of outsideChecks(input, input.leaving)) {
    try {
      notes.push((await check.run()) || "");
    } catch (error) {
      // What the authority has not issued yet is told already, and comes when it does.
      if (!(error instanceof WrongName && missing.length > 0)) {
        throw error;
      }
    }
  }
  for (const note of notes.filter(Boolean)) {
    process.stderr.write(`note: ${note}\n`);
  }
});

/** Certificates that an authority has not issued, a sentence each. */
async function missingCertificates({ dockerHost, renewal }: Outside): Promise<string[]> {
  return renewal === undefined ? [] : awaitCertificates(new Docker(dockerHost), renewal);
}
