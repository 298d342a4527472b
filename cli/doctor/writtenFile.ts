import { asWritten } from "../../machine/paths.ts";
import { replaceFile } from "../../machine/files.ts";
import { lastLine } from "../../programs/docker/oneLine.ts";
import { UserError } from "../../programs/errors.ts";

/**
 * Writes a file that the operator has named, in one step: whoever reads it finds the old text or the new one.
 *
 * @param what What the message calls it, such as "the report".
 * @returns its absolute path
 * @throws UserError where that can't be done
 */
export function writeNamed(file: string, text: string, mode: number, what: string): string {
  const path = asWritten(file);
  try {
    replaceFile(path, text, mode);
  } catch (error) {
    const why = lastLine(error instanceof Error ? error.message : String(error));
    throw new UserError(
      `${what} can't be written (${why}): name a file in a folder that is there and yours`,
    );
  }
  return path;
}
