import { constants } from "node:os";

/** What a container's exit code means beyond the number, where that can be told from the number alone. */
const MEANINGS: Readonly<Record<number, string>> = {
  126: "its program can't be executed: wrong owner or mode, or made for another processor",
  127: "its program, or the interpreter that its first line names, is not in the image",
  132: "the processor lacks an instruction that the program needs, such as AVX for MongoDB 5.0 and later",
  134: "it gave up over an error of its own (SIGABRT)",
  135: "it touched memory that is not there (SIGBUS): often a full disk, or a file cut short",
  137: "it was killed (SIGKILL): by hand, or for taking more memory than it may",
  139: "it crashed (SIGSEGV)",
  143: "it was told to stop (SIGTERM)",
  159: "it made a system call that the engine forbids (SIGSYS)",
};

/** In plain words why a container ended; undefined for codes that are the program's own. */
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
