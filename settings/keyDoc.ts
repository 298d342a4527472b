import { z } from "zod";

/** What the reference and the reports say about a key. */
export interface KeyDoc {
  readonly type: string;
  readonly meaning: string;
  readonly allowed?: string | undefined;
  /** A good value, offered where a required one is missing. */
  readonly example?: string | undefined;
  /** What holds when an optional key without a default of ours is absent. */
  readonly fallback?: string | undefined;
  /** Whether a value at or below this key may be a secret; the innermost key that says so decides. */
  readonly secret?: boolean;
}

/** The documentation of every key of the schema. */
export const keyDocs = z.registry<KeyDoc>();
