/** What an answer depends on and nobody knows is tried in every way that it can turn out. */

/** Chooses one of the options; the same key gives the same again, as long as this world lasts. */
export type Choose = <T>(key: string, options: readonly T[]) => T;

/** More than any sane configuration has; beyond it a judgement would take too long. */
const MOST = 4_000;

/** There are too many ways to try. */
export class TooManyWorlds extends Error {}

/**
 * Calls a function once for every combination of the choices that it makes.
 *
 * @throws TooManyWorlds
 */
export function* everyWorld<T>(run: (choose: Choose) => T): Generator<T> {
  let plan: readonly number[] = [];
  for (let count = 0; count < MOST; count++) {
    const taken: { index: number; of: number }[] = [];
    const known = new Map<string, unknown>();
    yield run((key, options) => {
      if (!known.has(key)) {
        const index = plan[taken.length] ?? 0;
        taken.push({ index, of: options.length });
        known.set(key, options[index]);
      }
      return known.get(key) as (typeof options)[number];
    });
    const next = taken.findLastIndex(({ index, of }) => index + 1 < of);
    if (next < 0) {
      return;
    }
    plan = taken.slice(0, next + 1).map(({ index }, place) => (place === next ? index + 1 : index));
  }
  throw new TooManyWorlds(`more than ${MOST} ways`);
}
