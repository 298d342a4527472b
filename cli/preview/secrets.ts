/** Hides the secrets of a stack's state and config in a text, in every spelling that they may have. */

/** What replaces a secret. */
export const HIDDEN = "[secret]";

/** Shorter secrets are not hidden, because they would be found everywhere. */
const SHORTEST = 8;

/** Pulumi's mark for a secret in an exported state. */
const SECRET = "4dabf18193072939515e22adb298388d";

/**
 * The secret texts in a state that was exported with `--show-secrets`, or in a part of one. A text that is
 * also somewhere in clear, such as a user's name beside the password, is not a secret.
 *
 * @param plain More text that is known to be in clear, such as the stack's file.
 */
export function secretsIn(exported: unknown, plain = ""): string[] {
  const secrets = new Set<string>();
  const parts = new Set<string>();
  const clear: string[] = [plain];
  const walk = (value: unknown): void => {
    if (typeof value === "string") {
      clear.push(value);
    } else if (Array.isArray(value)) {
      value.forEach(walk);
    } else if (typeof value === "object" && value !== null) {
      const { plaintext, ...map } = value as Record<string, unknown>;
      if (SECRET in map && typeof plaintext === "string") {
        const secret: unknown = JSON.parse(plaintext);
        if (typeof secret === "string") {
          secrets.add(secret);
        }
        textsIn(secret, parts);
      } else {
        Object.values(value).forEach(walk);
      }
    }
  };
  walk(exported);
  const said = clear.join("\n");
  return [...new Set([...secrets, ...[...parts].filter((part) => !said.includes(part))])].filter(
    (text) => text.length >= SHORTEST,
  );
}

/** The texts in a value: the values of a map, the content of JSON, and each of several lines. */
function textsIn(value: unknown, found: Set<string>): void {
  if (typeof value === "string") {
    const inner = parsed(value);
    if (inner !== undefined) {
      textsIn(inner, found);
    } else if (value.includes("\n")) {
      const lines = value.split("\n").map((line) => line.trim());
      lines.filter((line) => !line.startsWith("-----")).forEach((line) => found.add(line));
    } else {
      found.add(value);
    }
  } else if (typeof value === "object" && value !== null) {
    Object.values(value).forEach((item) => textsIn(item, found));
  }
}

function parsed(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) {
    return undefined;
  }
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

/** A function that hides these secrets in a text. */
export function maskOf(secrets: readonly string[]): (text: string) => string {
  const spellings = [...new Set(secrets.flatMap(spellingsOf))]
    .filter((text) => text.length >= SHORTEST)
    // Longest first, because a secret may be part of another.
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return (text) =>
    spellings.reduce(
      (rest, spelling) => (rest.includes(spelling) ? rest.split(spelling).join(HIDDEN) : rest),
      text,
    );
}

/** A secret as it is, in JSON, in a URL, in hex digits, and in Base64. */
function spellingsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].flatMap((offset) => {
    const whole = insideBase64(bytes, offset);
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    bytes.toString("hex"),
    ...base64,
  ];
}

/** The Base64 characters that depend on these bytes alone, after `offset` other bytes. */
function insideBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  return text.slice(first, end);
}

/** The output of `pulumi config --json --show-secrets`. */
export type ShownConfig = Readonly<
  Record<string, { readonly value?: string; readonly secret?: boolean }>
>;

/** The secret texts in a stack's config, without those that are in clear in the stack's file. */
export function secretsOfConfig(config: ShownConfig, plain: string): string[] {
  const found = new Set<string>();
  for (const { value, secret } of Object.values(config)) {
    if (secret && value !== undefined) {
      textsIn(value, found);
    }
  }
  return [...found].filter((text) => text.length >= SHORTEST && !plain.includes(text));
}
