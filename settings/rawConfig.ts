/** A stack's configuration as Pulumi hands it over. */
export interface RawConfig {
  /** The stack's name, for the report. */
  readonly stack: string;
  /** The values by key, without the prefix `cybexp:`; maps and lists already parsed from JSON. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Keys, without the prefix, that have a secret anywhere in their value. */
  readonly secretKeys: ReadonlySet<string>;
  /** The values as the stack's file has them, by the same keys: see `valuesIn`. */
  readonly file?: Readonly<Record<string, unknown>>;
  /** Paths of secrets that are in plain text in the stack's file: see `plainSecrets`. */
  readonly plainSecrets?: readonly string[];
}
