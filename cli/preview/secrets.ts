/** Hides what is secret in a stack's state and config from a text, in each spelling that it may have. */

/** What stands in a secret's place. */
export const HIDDEN = "[secret]";

/** Shorter secrets would be found everywhere. */
const SHORTEST = 8;

/** Pulumi's mark of a secret in an exported state. */
const SECRET = "4dabf18193072939515e22adb298388d";

/**
 * The secret texts in a state that was exported with `--show-secrets`, or in any part of it. What is
 * said in clear elsewhere (a user's name beside the password) is none.
 *
 * @param plain More that is known to be said in clear, such as the stack's file.
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

/** The texts that a value is made of: of a map its values, of JSON its content, of lines each one. */
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
    // A secret may be a part of another.
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  return (text) =>
    spellings.reduce(
      (rest, spelling) => (rest.includes(spelling) ? rest.split(spelling).join(HIDDEN) : rest),
      text,
    );
}

/** A secret as it is, and as JSON, in a URL, as hex digits and in Base64 write it. */
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

/** What bytes look like in Base64 behind so many others: the characters that are made of them alone. */
function insideBase64(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  return text.slice(first, end);
}

/** What `pulumi config --json --show-secrets` tells. */
export type ShownConfig = Readonly<
  Record<string, { readonly value?: string; readonly secret?: boolean }>
>;

/** The secret texts in a stack's config, without what is said in clear in the stack's file. */
export function secretsOfConfig(config: ShownConfig, plain: string): string[] {
  const found = new Set<string>();
  for (const { value, secret } of Object.values(config)) {
    if (secret && value !== undefined) {
      textsIn(value, found);
    }
  }
  return [...found].filter((text) => text.length >= SHORTEST && !plain.includes(text));
}
