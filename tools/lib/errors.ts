/**
 * A failure that is the user's to mend: its message is the whole story (what is wrong, the value,
 * what is allowed, what to do), so it is printed without a stack trace.
 */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** Prints an error as a user should see it and returns the exit code: a trace only for our own bugs. */
export function report(error: unknown): number {
  if (error instanceof UserError) {
    process.stderr.write(`error: ${error.message}\n`);
    return 1;
  }
  process.stderr.write(
    `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return 70; // EX_SOFTWARE of sysexits.h
}
