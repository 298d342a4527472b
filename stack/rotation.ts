import { NAME, nameIn, recorded } from "../names/resources.ts";
import { COMMAND } from "../names/types.ts";
import {
  consequences,
  foreignNumbers,
  jumps,
  rotationNumbers,
  vainRotations,
} from "../settings/rotationNumbers.ts";
import type { RotationNumbers } from "../settings/rotationNumbers.ts";
import type { Settings } from "../settings/types.ts";
import { UserError } from "../programs/errors.ts";
import type { StackState } from "./state.ts";

/**
 * Prints what the rotation numbers in the settings will revoke, compared with those of the last `up`.
 *
 * @throws UserError when a number does not follow the last one
 */
export function announceRotation(state: StackState, settings: Settings): void {
  const before = numbersOf(state);
  const now = rotationNumbers(settings);
  const foreign = foreignNumbers(settings);
  const vain = vainRotations(before, now, foreign);
  const problems = vain.length > 0 ? vain : jumps(before, now);
  if (problems.length > 0) {
    throw new UserError(problems.join("\n       "));
  }
  for (const sentence of consequences(before, now)) {
    process.stderr.write(`note: ${sentence}\n`);
  }
}

/**
 * The numbers of the last `up` that reached its end. The guard has those of the last one that began: its
 * rotation may be half done, and then the numbers before are still in use.
 */
function numbersOf({ resources }: StackState): RotationNumbers {
  const outputsOf = (name: string) =>
    resources.find(({ type, urn }) => type === COMMAND && nameIn(urn) === name)?.outputs ?? {};
  const done = recorded("rotation", outputsOf(NAME.smoke));
  const begun = outputsOf(NAME.rotationGuard)["stdout"];
  const text = [done, begun].find((value) => typeof value === "string" && value !== "");
  return text === undefined ? {} : (JSON.parse(text as string) as RotationNumbers);
}
