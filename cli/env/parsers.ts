/** Parses answers as people type them, and checks them with the settings' own parsers. */
import { Fault, type Parser } from "../../settings/fault.ts";
import { parseUserName } from "../../settings/names.ts";
import { parseBackend } from "../../settings/state.ts";

export const yesNo: Parser<boolean> = (raw) => {
  const answer = typeof raw === "string" ? raw.toLowerCase() : raw;
  if (answer === "yes" || answer === "y" || answer === "true") {
    return true;
  }
  return answer === "no" || answer === "n" || answer === "false"
    ? false
    : new Fault("Allowed: yes or no.", "Write one of the two.");
};

/** Names separated by commas or spaces. */
export const names: Parser<{ name: string }[]> = (raw) => {
  const list = String(raw)
    .split(/[\s,]+/)
    .filter((name) => name !== "");
  const parsed = list.map(parseUserName);
  return (
    parsed.find((name) => name instanceof Fault) ??
    parsed.flatMap((name) => (name instanceof Fault ? [] : [{ name }]))
  );
};

export const someNames: Parser<{ name: string }[]> = (raw) => {
  const list = names(raw);
  return list instanceof Fault || list.length > 0
    ? list
    : new Fault("Allowed: one or more names.", "Write, for example, collector.");
};

/** The answer that means the state in this clone. */
export const EMBEDDED = "embedded";

export const backend: Parser<string | undefined> = (raw) =>
  raw === EMBEDDED ? undefined : parseBackend(raw);
