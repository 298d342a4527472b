/** What a change to a stack's file means for its data, without asking the real engine. */
import { keptPart } from "../../settings/keptParts.ts";
import { THROWN_AWAY } from "../preview/losses.ts";
import { configOf } from "./rehearsal.ts";

/** A sentence for each volume that the change gives up, and for a stack that may throw its data away. */
export function declaredLosses(base: string, head: string): string[] {
  const [before, after] = [configOf(base), configOf(head)];
  const known = entriesIn(before["cybexp:lost"]);
  const given = entriesIn(after["cybexp:lost"]).filter((entry) => !known.includes(entry));
  const isThrowAway = (config: Readonly<Record<string, unknown>>) =>
    String(config["cybexp:throwaway"]) === "true";
  return [
    ...given.map((entry) => {
      const { has, lost } = keptPart(entry.split("@")[0] ?? "");
      return `${has} will be given up if their volume is gone (cybexp:lost has ${entry}). ${lost}`;
    }),
    ...(isThrowAway(after) && !isThrowAway(before) ? [THROWN_AWAY] : []),
  ];
}

function entriesIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}
