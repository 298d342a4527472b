/**
 * Prints a client's certificate, PEM, for a public key whose private key is elsewhere. The name in the
 * certificate is the one given here, whatever the request of the key's owner says.
 */
import { z } from "zod";
import { renderSignedRequest } from "../../render/signedRequest.ts";
import { runProgram } from "../program.ts";

const input = z.object({
  authority: z.object({ certificate: z.string(), privateKey: z.string() }),
  name: z.string(),
  serial: z.string(),
  organization: z.string().optional(),
  /** PEM. */
  publicKey: z.string(),
  validityDays: z.number().int(),
});

await runProgram(input, 30, async (request) => {
  process.stdout.write(await renderSignedRequest({ ...request, now: new Date() }));
});
