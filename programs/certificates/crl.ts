/**
 * Prints a revocation list for each client authority, PEM. It is a program because the signatures differ
 * each time: its output stays in the state until an authority or a revocation changes.
 */
import { z } from "zod";
import { renderCrls } from "../../render/crl.ts";
import { runProgram } from "../program.ts";

const input = z.object({
  authorities: z.array(z.object({ certificate: z.string(), privateKey: z.string() })),
  /** The certificates that are revoked, PEM. */
  revoked: z.array(z.string()),
});

await runProgram(input, 30, async ({ authorities, revoked }) => {
  // The command provider puts the command's last output there.
  const previous = process.env["PULUMI_COMMAND_STDOUT"] ?? "";
  process.stdout.write(await renderCrls({ authorities, revoked, previous, now: new Date() }));
});
