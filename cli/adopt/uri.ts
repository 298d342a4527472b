/** The connection string of a database that the stack does not run, as an operator gives it. */
import { readFileSync } from "node:fs";
import { asWritten } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";

/**
 * @param given The text itself, or the path of a file with it: a password must not be in an argument.
 * @throws UserError for anything else
 */
export function readUri(given: string): string {
  if (/^mongodb(\+srv)?:\/\//.test(given)) {
    if (given.includes("@")) {
      throw new UserError(
        "a connection string with a password would be seen in the list of processes: write it into a file, and name the file",
      );
    }
    return given;
  }
  const path = asWritten(given);
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new UserError(
      `${given} is neither a connection string (mongodb://...) nor a file that can be read (${code})`,
    );
  }
  if (!/^mongodb(\+srv)?:\/\/\S+$/.test(text)) {
    throw new UserError(`${given} has no connection string (mongodb://...)`);
  }
  return text;
}
