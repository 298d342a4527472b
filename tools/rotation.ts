import { consequences, jumps, rotationNumbers } from "../settings/rotationNumbers.ts";
import type { RotationNumbers } from "../settings/rotationNumbers.ts";
import type { Settings } from "../settings/types.ts";
import { UserError } from "./lib/errors.ts";
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

/** What the rotation guard printed at the last `up`. */
function numbersOf({ exported }: StackState): RotationNumbers {
  const guard = exported.deployment?.resources?.find(
    ({ type, urn }) => type === "command:local:Command" && urn.endsWith("::rotation-guard"),
  );
  const stdout = guard?.outputs?.["stdout"];
  return typeof stdout === "string" && stdout !== "" ? (JSON.parse(stdout) as RotationNumbers) : {};
}
