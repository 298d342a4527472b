/**
 * Records the fingerprints of the KMS's keys, so that keys which are made anew are noticed. Refuses those that
 * differ from the last record, and files that are no keys.
 */
import { judgeKeys, recordOf } from "../../render/kmsKeys.ts";
import { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";
import { runProgram } from "../program.ts";
import { keyFilesInput, keyFolder, keyRecord } from "./keyFiles.ts";

await runProgram(keyFilesInput, 60, async ({ dockerHost, volume, files, ...keeper }) => {
  const folder = await keyFolder(new Docker(dockerHost), volume, { ...keeper, files });
  // The command provider puts the command's last output there.
  const last = process.env["PULUMI_COMMAND_STDOUT"];
  const { lost, stack } = keeper;
  const record = last ? keyRecord.parse(JSON.parse(last)) : undefined;
  const where = `the volume ${volume}`;
  const missing = files.filter((file) => !folder?.contents.has(file));
  if (folder === undefined || (record === undefined && missing.length > 0)) {
    throw new UserError(
      `the KMS is up, but ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not in ${where}: is its image CYBEX-P's KMS?`,
    );
  }
  const { refused, permitted } = judgeKeys(folder, { files, record, lost, where, stack });
  if (refused.length > 0) {
    throw new UserError(refused.join("\n"));
  }
  for (const sentence of permitted) {
    process.stderr.write(`${sentence}\n`);
  }
  process.stdout.write(JSON.stringify(recordOf(folder, files)));
});
