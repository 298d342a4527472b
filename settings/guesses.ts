/** How many wrong passwords an address may send to the proxy. */

export interface Guesses {
  /** Those that come faster wait. */
  readonly perMinute: number;
  /** How many may wait at once. The next one is refused. */
  readonly burst: number;
}

export const defaultGuesses: Guesses = { perMinute: 30, burst: 5 };

/** Seconds that the last one waits. */
export const longestWait = ({ perMinute, burst }: Guesses) => (burst * 60) / perMinute;

/** Seconds. The proxy's workers of an earlier release stay as long. */
export const LONGEST_WAIT = 60;
