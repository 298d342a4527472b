/** Which records, accounts and keys a change loses. The summary says this before everything else. */
import { LABEL } from "../../names/docker.ts";
import { isPartOf, memberName, nameIn, typesIn } from "../../names/resources.ts";
import { COMPONENT, VOLUME } from "../../names/types.ts";
import { keptPart, keptParts } from "../../settings/keptParts.ts";
import type { Step } from "./events.ts";
import { upperFirst } from "./words.ts";

/** The title of the section about losses, which comes first. */
export const LOSES_DATA = "This loses data";

const isDataVolume = (urn: string): boolean =>
  typesIn(urn).endsWith(`${COMPONENT.dataVolume}$${VOLUME}`);

/** A sentence for each volume of data that a change removes, replaces, or no longer manages. */
export function lossesIn(steps: readonly Step[], failures: readonly string[]): string[] {
  const lost = steps
    .filter(({ op, urn, old, name }) => {
      // A watched volume has a successor that is known to have its data, for example after a rename.
      const goes = op === "delete" || (op === "replace" && !isWatched(partOf(old, name), steps));
      return goes && isDataVolume(urn);
    })
    .map(({ name, old, next, op, retained }) => {
      const volume = volumeName(old, name);
      const { has, lost: loss } = keptPart(partOf(old, name));
      if (retained) {
        return `the volume ${volume} with ${has} leaves the stack: it stays in Docker, but \`up\` no longer manages it`;
      }
      return op === "delete"
        ? `the volume ${volume} with ${has} is removed. ${loss}`
        : `the volume ${volume} with ${has} is replaced by an empty one, ${volumeName(next, name)}. ${loss}`;
    });
  return [...lost, ...failures.flatMap(protectedIn)].map(upperFirst);
}

const isWatched = (part: string, steps: readonly Step[]): boolean =>
  steps.some(
    ({ op, urn }) =>
      op !== "delete" && isPartOf(COMPONENT.keptVolumes, urn) && urn.endsWith(memberName("", part)),
  );

/** What Pulumi refuses to do, because the resource is protected. */
function protectedIn(failure: string): string[] {
  const urn = /urn:pulumi:[^\s"']+/.exec(failure)?.[0];
  if (urn === undefined || !/protection/.test(failure) || !isDataVolume(urn)) {
    return [];
  }
  const name = nameIn(urn);
  return [
    `the volume ${name} with ${keptPart(name).has} would be removed, but is protected: nothing will be done`,
  ];
}

/** The part, from the volume's label, or from its name in the program if it has none. */
function partOf(inputs: Step["old"], name: string): string {
  const labels: unknown = inputs?.["labels"];
  const role = Array.isArray(labels)
    ? (labels as { label?: unknown; value?: unknown }[]).find(({ label }) => label === LABEL.role)
        ?.value
    : undefined;
  return typeof role === "string" && role in keptParts ? role : name;
}

const volumeName = (inputs: Step["old"], fallback: string): string =>
  typeof inputs?.["name"] === "string" ? inputs["name"] : fallback;

/** What happens to a stack that becomes a throw-away stack. */
export const THROWN_AWAY =
  "The stack becomes a throw-away stack (cybexp:throwaway): after the next `up`, `npm run down` removes " +
  "its records, accounts and keys, and a lost volume is replaced by an empty one without a warning";
