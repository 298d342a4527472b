/** Whether a service may use a database outside of the stack: nobody may find other data there, or none. */
import { OWN } from "../settings/databaseKeys.ts";

export interface DatabaseMove {
  /** As in `cybexp:database.left`, such as "kms". */
  readonly service: string;
  /** As people say it, such as "KMS". */
  readonly spoken: string;
  /** Where its data is to be: see `placeOf`, or `OWN`. */
  readonly place: string;
  /** Where it was; undefined if the service has never run. */
  readonly before: string | undefined;
  /** How many accounts or records there are now. */
  readonly documents: number;
  /** How many there were when the stack last looked; undefined if it was elsewhere, or is not known. */
  readonly remembered: number | undefined;
  /** `cybexp:database.left`. */
  readonly left: readonly string[];
  readonly throwaway: boolean;
}

/** What the documents are. */
const CONTENT: Readonly<Record<string, readonly [one: string, many: string]>> = {
  kms: ["account", "accounts"],
  backend: ["record", "records"],
};

const spokenPlace = (place: string) => (place === OWN ? "the stack's own database" : place);

/** A sentence that ends the run, before anything changes; undefined if the service finds what it left. */
export function refusedMove(move: DatabaseMove): string | undefined {
  const { service, spoken, place, before, documents, remembered, left, throwaway } = move;
  const [one, many] = CONTENT[service] ?? ["document", "documents"];
  const word = `cybexp:database.left: [${service}@${before ?? place}]`;
  if (before === undefined) {
    return documents === 0
      ? undefined
      : `the ${spoken}'s database ${place} has ${documents} ${documents === 1 ? one : many}, and this stack is new: its KMS would make new keys, with which nobody can read what belongs to other keys. ` +
          `Name an empty database first, run \`up\`, and bring the keys and the data with \`npm run adopt\` (docs/migration.md)`;
  }
  if (throwaway || left.includes(`${service}@${before}`)) {
    return undefined;
  }
  if (before !== place) {
    return (
      `the ${spoken} would leave ${spokenPlace(before)} for ${spokenPlace(place)}, which has ${documents === 0 ? "nothing in it" : `${documents} ${documents === 1 ? one : many}`}: ` +
      `copy the data first (docs/migration.md), and then allow this move with ${word}`
    );
  }
  return documents === 0 && remembered !== undefined && remembered > 0
    ? `the ${spoken}'s database ${place} had ${remembered} ${remembered === 1 ? one : many}, and is empty now: it was emptied, or this is another server. ` +
        `Restore it; if what was there is gone for good, say so with ${word}`
    : undefined;
}

/** What is allowed and still worth knowing. */
export function moveRemark(move: DatabaseMove): string | undefined {
  const { spoken, place, before, documents } = move;
  if (before === undefined || before === place) {
    return undefined;
  }
  const [, many] = CONTENT[move.service] ?? ["", "documents"];
  return documents === 0
    ? `the ${spoken} leaves ${spokenPlace(before)} for ${spokenPlace(place)}, which is empty: it finds none of its ${many} there`
    : `the ${spoken} leaves ${spokenPlace(before)} for ${spokenPlace(place)}, which has ${documents} ${many}`;
}
