import { constants } from "node:os";

/** The meaning of exit codes that are the same for every program. */
const MEANINGS: Readonly<Record<number, string>> = {
  126: "its program can't be executed: wrong owner or mode, or built for another processor",
  127: "its program, or the interpreter that its first line names, is not in the image",
  132: "the processor lacks an instruction that the program needs, such as AVX for MongoDB 5.0 and later",
  134: "it aborted because of an internal error (SIGABRT)",
  135: "it accessed memory that does not exist (SIGBUS): often because of a full disk or a truncated file",
  137: "it was killed (SIGKILL): by hand, or because it exceeded its memory limit",
  139: "it crashed (SIGSEGV)",
  143: "it was told to stop (SIGTERM)",
  159: "it made a system call that the engine forbids (SIGSYS)",
};

/** Why a container ended, in plain words; undefined for codes that only the program itself defines. */
export function exitMeaning(code: number): string | undefined {
  const known = MEANINGS[code];
  if (known !== undefined || code <= 128) {
    return known;
  }
  const signal = Object.entries(constants.signals).find(([, number]) => number === code - 128);
  return signal && `it was ended by ${signal[0]}`;
}

/** "exit code 132: the processor lacks ..." */
export function exitWords(code: number): string {
  const meaning = exitMeaning(code);
  return `exit code ${code}${meaning === undefined ? "" : `: ${meaning}`}`;
}
