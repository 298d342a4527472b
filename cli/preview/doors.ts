/** What the proxy's doors ask for: who is no longer let in, and who is let in from now on. */
import type { Access } from "../../settings/types.ts";
import type { StackView } from "./stackView.ts";
import { theRole } from "./words.ts";

/** What is enough to open a door. */
const OPENS: Readonly<Record<Access, readonly string[]>> = {
  password: ["password"],
  certificate: ["certificate"],
  either: ["password", "certificate"],
  both: ["password and certificate"],
};

export function ofDoors(before: StackView, after: StackView) {
  const lost: string[] = [];
  const gained: string[] = [];
  for (const [door, now] of Object.entries(after.doors)) {
    const old = before.doors[door];
    if (old === undefined || old === now) {
      continue;
    }
    const change = `at ${theRole(door)} (access: ${old}, now ${now})`;
    const only = (key: string) => (key.includes(" ") ? `a ${key}` : `a ${key} and nothing else`);
    const open = OPENS[now];
    // A caller who has both is let in where one is enough.
    const gone = OPENS[old].filter((key) => !open.some((needed) => key.includes(needed)));
    lost.push(...gone.map((key) => `callers with ${only(key)}, ${change}`));
    const fresh = open.filter((key) => !OPENS[old].some((needed) => key.includes(needed)));
    gained.push(...fresh.map((key) => `callers with ${only(key)}, ${change}`));
  }
  return { lost, gained };
}
