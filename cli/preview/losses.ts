/** What a change costs of records, accounts and keys: told before everything else. */
import { LABEL } from "../../names/docker.ts";
import { isPartOf, memberName, nameIn, typesIn } from "../../names/resources.ts";
import { COMPONENT, VOLUME } from "../../names/types.ts";
import { keptPart, keptParts } from "../../settings/keptParts.ts";
import type { Step } from "./events.ts";
import { upperFirst } from "./words.ts";

/** The first heading of a preview that has anything below it. */
export const LOSES_DATA = "This loses data";

const isDataVolume = (urn: string): boolean =>
  typesIn(urn).endsWith(`${COMPONENT.dataVolume}$${VOLUME}`);

/** A sentence for each volume of data that a preview removes, replaces, or leaves to itself. */
export function lossesIn(steps: readonly Step[], failures: readonly string[]): string[] {
  const lost = steps
    .filter(({ op, urn, old, name }) => {
      // Of a volume that is watched, the next one has been found to have its data: as after a rename.
      const goes = op === "delete" || (op === "replace" && !isWatched(partOf(old, name), steps));
      return goes && isDataVolume(urn);
    })
    .map(({ name, old, next, op, retained }) => {
      const volume = volumeName(old, name);
      const { has, lost: loss } = keptPart(partOf(old, name));
      if (retained) {
        return `the volume ${volume} with ${has} leaves the stack: it stays in Docker, and no \`up\` looks after it any more`;
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

/** What Pulumi refuses to do, since the resource is protected. */
function protectedIn(failure: string): string[] {
  const urn = /urn:pulumi:[^\s"']+/.exec(failure)?.[0];
  if (urn === undefined || !/protection/.test(failure) || !isDataVolume(urn)) {
    return [];
  }
  const name = nameIn(urn);
  return [
    `the volume ${name} with ${keptPart(name).has} would go, and is protected: nothing is done`,
  ];
}

/** The part by the volume's label; by its name in the program where it has none. */
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

/** What becomes of a stack that is called a throw-away one from now on. */
export const THROWN_AWAY =
  "The stack is a throw-away one from now on (cybexp:throwaway): after the next `up`, `npm run down` removes " +
  "its records, accounts and keys, and a volume that is lost is made anew without a word";
