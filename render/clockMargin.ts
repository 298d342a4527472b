/**
 * A certificate or list is valid from this many minutes before it was created. Otherwise a caller whose clock is slow
 * would refuse it for that long.
 */
export const CLOCK_MARGIN_MINUTES = 60;
