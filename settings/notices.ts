/** What an operator should know before an `up`, though nothing is wrong: overlaps that still last. */
import type { Settings } from "./types.ts";

export interface Notice {
  /** Whether it is time to act; else it is only told. */
  readonly due: boolean;
  readonly text: string;
}

/** Whether a secret of the generation before is still good beside the one in use. */
export function overlaps(generation: number, retired: number): boolean {
  return generation > 1 && retired < generation - 1;
}

/**
 * The overlaps of old and new secrets that the settings keep open.
 *
 * @param today As in 2026-12-31.
 */
export function notices(settings: Settings, today: string): Notice[] {
  const { rotation, users } = settings;
  return [
    ...users.map(({ name, generation, retired, retireBy }) => ({
      what: `the previous password of ${name} (generation ${generation - 1})`,
      how: `set retired: ${generation - 1} for that user`,
      open: overlaps(generation, retired),
      retireBy,
    })),
    {
      what: `the previous server CA (number ${rotation.serverCa - 1})`,
      how: `set cybexp:rotation.serverCaRetired to ${rotation.serverCa - 1} once all clients have the new serverCa`,
      open: overlaps(rotation.serverCa, rotation.serverCaRetired),
      retireBy: rotation.serverCaRetireBy,
    },
  ]
    .filter(({ open }) => open)
    .map(({ what, how, retireBy }) => {
      const due = retireBy !== undefined && retireBy <= today;
      const since = due ? `, though it was to be retired by ${retireBy}` : "";
      return { due, text: `${what} is still good${since}: to retire it, ${how}` };
    });
}
