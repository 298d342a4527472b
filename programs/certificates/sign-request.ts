/**
 * Prints a client's certificate, PEM, for a public key whose private one is elsewhere. The name in it
 * is the one given here, whatever the owner of the key asked for.
 */
import { z } from "zod";
import { renderSignedRequest } from "../../render/signedRequest.ts";
import { runProgram } from "../program.ts";

const input = z.object({
  authority: z.object({ certificate: z.string(), privateKey: z.string() }),
  name: z.string(),
  serial: z.string(),
  /** PEM. */
  publicKey: z.string(),
  validityDays: z.number().int(),
});

await runProgram(input, 30, async (request) => {
  process.stdout.write(await renderSignedRequest({ ...request, now: new Date() }));
});
