/** Bounds and defaults, in days, of the keys about certificate lifetimes. */
export const certificateDays = {
  /** At most a year and a day: browsers limit it too, and a stolen key should not work for long. */
  validityDays: { least: 1, most: 366, fallback: 90 },
  renewBeforeDays: { least: 0, most: 365, fallback: 30 },
  /** How long a stolen key works if nobody notices. Owners need their next certificate in time, too. */
  clientValidityDays: { least: 1, most: 825, fallback: 365 },
  caValidityDays: { least: 2, most: 36500, fallback: 3650 },
} as const;
