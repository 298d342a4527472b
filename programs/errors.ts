/**
 * A failure that the user can fix. Its message says everything (what is wrong, the value, what is allowed,
 * what to do), so it is printed without a stack trace.
 */
export class UserError extends Error {
  override readonly name = "UserError";
}

/** System errors that the user can fix, by their codes. */
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

/** Prints an error for the user and returns the exit code. Only our own bugs get a stack trace. */
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
