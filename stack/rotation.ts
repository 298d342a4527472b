import { NAME, nameIn, recorded } from "../names/resources.ts";
import { COMMAND } from "../names/types.ts";
import { consequences, jumps, rotationNumbers } from "../settings/rotationNumbers.ts";
import type { RotationNumbers } from "../settings/rotationNumbers.ts";
import type { Settings } from "../settings/types.ts";
import { UserError } from "../programs/errors.ts";
import type { StackState } from "./state.ts";

/**
 * Says what the rotation numbers in the settings will revoke, compared with those of the last `up`.
 *
 * @throws UserError When a number does not follow on the last one.
 */
export function announceRotation(state: StackState, settings: Settings): void {
  const before = numbersOf(state);
  const now = rotationNumbers(settings);
  const problems = jumps(before, now);
  if (problems.length > 0) {
    throw new UserError(problems.join("\n       "));
  }
  for (const sentence of consequences(before, now)) {
    process.stderr.write(`note: ${sentence}\n`);
  }
}

/**
 * The numbers of the last `up` that got to its end. The guard has those of the last that began: what
 * it was to rotate may be half done, and what is in use then is the one before.
 */
function numbersOf({ resources }: StackState): RotationNumbers {
  const outputsOf = (name: string) =>
    resources.find(({ type, urn }) => type === COMMAND && nameIn(urn) === name)?.outputs ?? {};
  const done = recorded("rotation", outputsOf(NAME.smoke));
  const begun = outputsOf(NAME.rotationGuard)["stdout"];
  const text = [done, begun].find((value) => typeof value === "string" && value !== "");
  return text === undefined ? {} : (JSON.parse(text as string) as RotationNumbers);
}
