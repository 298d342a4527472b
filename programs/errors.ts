/**
 * A failure that is the user's to mend: its message is the whole story (what is wrong, the value,
 * what is allowed, what to do), so it is printed without a stack trace.
 */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** What the system refuses for reasons that are the user's to mend, by the error's code. */
const SYSTEM: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on device",
  EDQUOT: "the disk quota is used up",
  EROFS: "the file system is read-only",
  EACCES: "permission denied",
};

function systemWords(error: unknown): string | undefined {
  const { code, path } = (error ?? {}) as NodeJS.ErrnoException;
  const words = code === undefined ? undefined : SYSTEM[code];
  return words && path !== undefined ? `${path}: ${words}` : words;
}

/** Prints an error as a user should see it and returns the exit code: a trace only for our own bugs. */
export function report(error: unknown): number {
  const message = error instanceof UserError ? error.message : systemWords(error);
  if (message !== undefined) {
    process.stderr.write(`error: ${message}\n`);
    return 1;
  }
  process.stderr.write(
    `internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  return 70; // EX_SOFTWARE of sysexits.h
}
