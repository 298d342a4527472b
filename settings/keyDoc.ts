import { z } from "zod";

/** What the reference and the reports say about a key. */
export interface KeyDoc {
  readonly type: string;
  readonly meaning: string;
  readonly allowed?: string | undefined;
  /** A good value, offered where a required one is missing. */
  readonly example?: string | undefined;
  /** What applies if an optional key is left out and the schema has no default for it. */
  readonly fallback?: string | undefined;
  /** Whether a value at or below this key may be a secret; the innermost key that says so decides. */
  readonly secret?: boolean;
}

/** The documentation of every key of the schema. */
export const keyDocs = z.registry<KeyDoc>();
