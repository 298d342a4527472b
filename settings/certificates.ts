/** Bounds and defaults, in days, of what is said about the times of certificates. */
export const certificateDays = {
  /** A year and a day at most: browsers take no longer ones, and a lost key should not live for long. */
  validityDays: { least: 1, most: 366, fallback: 90 },
  renewBeforeDays: { least: 0, most: 365, fallback: 30 },
  /** What a lost key is good for until somebody notices; owners have to be given a new one in time. */
  clientValidityDays: { least: 1, most: 825, fallback: 365 },
  caValidityDays: { least: 2, most: 36500, fallback: 3650 },
  /** Less than renewBeforeDays by more than a week: a weekly `up` has renewed by then, if none was missed. */
  warnDays: { least: 0, most: 365, fallback: 21 },
} as const;
