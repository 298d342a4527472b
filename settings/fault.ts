import type { Path } from "./path.ts";

/** What is wrong with one value. A parser of one value returns either the parsed value or a fault. */
export class Fault {
  /** Why the value is refused, and what is allowed. Never quotes the value. */
  readonly reason: string;
  /** What to do about it, as an imperative sentence. */
  readonly remedy: string;
  /** The part of the value that may be shown, if the rest could be a secret. */
  readonly shown: string | undefined;

  constructor(reason: string, remedy: string, shown?: string) {
    this.reason = reason;
    this.remedy = remedy;
    this.shown = shown;
  }
}

/** Turns one raw value of the stack's configuration into what the program uses, or says why not. */
export type Parser<T> = (raw: unknown) => T | Fault;

/** A mistake and where it is. */
export interface Finding {
  readonly path: Path;
  readonly fault: Fault;
}

/** What a check across keys finds. */
export function finding(path: Path, reason: string, remedy: string): Finding {
  return { path, fault: new Fault(reason, remedy) };
}
