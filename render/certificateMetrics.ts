/** When certificates end, in Prometheus' text format (version 0.0.4). */
import type { KnownEnd } from "./certificateEnds.ts";
import { matching } from "./check.ts";
import { gauge } from "./prometheusText.ts";

/** The end of a certificate as somebody who calls sees it. */
export interface ServedEnd {
  /** What it is called. */
  readonly name: string;
  /** As it was called, `host:port`. */
  readonly listener: string;
  readonly notAfter: string;
}

/** How the names of metrics begin, unless a program says otherwise. */
export const METRICS_PREFIX = "proxy";

/** @throws RangeError for a text that no metric's name can begin with */
export const checkMetricsPrefix = (prefix: string): string =>
  matching(
    "the prefix of metrics",
    prefix,
    /^[a-z][a-z0-9_]{0,31}$/,
    "at most 32 lower-case letters, digits and _, beginning with a letter",
  );

/**
 * Times and not days that are left: so the text changes only when a certificate does. With the stack in
 * it, the files of several stacks can lie in one folder.
 */
export function certificateMetrics(
  prefix: string,
  stack: string,
  ends: readonly KnownEnd[],
): string {
  return gauge(
    `${checkMetricsPrefix(prefix)}_certificate_not_after_timestamp_seconds`,
    "When the certificate or revocation list ends, in seconds since 1970.",
    ends.map(({ name: certificate, kind, notAfter }) => ({
      labels: { certificate, kind, stack },
      value: seconds(notAfter),
    })),
  );
}

/** The same of what is served, which may be an older one. */
export function servedMetrics(prefix: string, stack: string, ends: readonly ServedEnd[]): string {
  return gauge(
    `${checkMetricsPrefix(prefix)}_served_certificate_not_after_timestamp_seconds`,
    "When the certificate ends that a caller is shown, in seconds since 1970.",
    ends.map(({ name: certificate, listener, notAfter }) => ({
      labels: { certificate, listener, stack },
      value: seconds(notAfter),
    })),
  );
}

const seconds = (time: string): number => Date.parse(time) / 1000;
