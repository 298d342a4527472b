/** Quotes a value from outside in a report: on one line, at a bounded length, escaped. */

/** How many characters of a value a report shows. */
const LONGEST = 72;

/** What a report prints in place of a secret. */
export const HIDDEN = "(not shown)";

/** Everything that doesn't show as itself: control, format and unassigned characters, odd spaces. */
const INVISIBLE = /[\p{C}\p{Z}"\\]/gu;

/** Quotes text, escapes what would not show, and shortens what is too long. */
export function quote(text: string): string {
  const characters = Array.from(text.slice(0, 4 * LONGEST));
  const shown = characters.slice(0, LONGEST).join("").replace(INVISIBLE, escape);
  return text.length > LONGEST ? `"${shown}..." (${text.length} characters)` : `"${shown}"`;
}

/** Shows a scalar as it is, and only the kind of anything else. */
export function show(value: unknown): string {
  if (typeof value === "string") {
    return quote(value);
  }
  if (value === null) {
    return "nothing";
  }
  if (Array.isArray(value)) {
    return value.length === 1 ? "a list of 1 item" : `a list of ${value.length} items`;
  }
  if (typeof value === "number" || typeof value === "boolean") {
    return String(value);
  }
  return typeof value === "object" ? "a map" : `a ${typeof value}`;
}

function escape(character: string): string {
  if (character === " ") {
    return character;
  }
  if (character === '"' || character === "\\") {
    return `\\${character}`;
  }
  const code = character.codePointAt(0) ?? 0;
  return { 9: "\\t", 10: "\\n", 13: "\\r" }[code] ?? `\\u{${code.toString(16)}}`;
}
