/**
 * Before it was made, a certificate or list is valid for so many minutes: a caller whose clock is slow
 * would otherwise refuse it for that long.
 */
export const CLOCK_MARGIN_MINUTES = 60;
