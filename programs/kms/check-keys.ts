/**
 * Checks, also in a preview, that the KMS has the keys that the state remembers. Prints the problems as JSON:
 * `{refused, idle}`, each a list of sentences. Changes nothing.
 */
import { judgeKeys } from "../../render/kmsKeys.ts";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { keyFilesInput, keyFolder, keyRecord } from "./keyFiles.ts";

const input = keyFilesInput.extend({ record: keyRecord });

await runProgram(input, 60, async ({ dockerHost, volume, files, lost, record, ...keeper }) => {
  const folder = await keyFolder(new Docker(dockerHost), volume, { ...keeper, files });
  const where = `the volume ${volume}`;
  const { refused = [], idle = [] } =
    // That the volume is gone is reported elsewhere.
    folder === undefined
      ? {}
      : judgeKeys(folder, { files, record, lost, where, stack: keeper.stack });
  process.stdout.write(JSON.stringify({ refused, idle }));
});
