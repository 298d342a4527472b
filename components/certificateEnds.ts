/** What is made of the ends of certificates: an output, and warnings. */
import * as pulumi from "@pulumi/pulumi";
import {
  type CertificateEnd,
  daysLeft,
  type KnownEnd,
  warningsOf,
} from "../render/certificateEnds.ts";
import { isKnown } from "./late.ts";

/** A certificate, or a revocation list, that is there once the program has run. */
export type End = Omit<
  CertificateEnd<pulumi.Output<string>>,
  "lifetimeDays" | "renewBeforeDays"
> & {
  readonly [K in "lifetimeDays" | "renewBeforeDays"]?: pulumi.Input<number>;
};

/** Those whose end is known here, once all of them are. */
export function knownEnds(ends: readonly End[]): pulumi.Output<KnownEnd[]> {
  return pulumi.all(
    ends.flatMap((end) =>
      end.notAfter === undefined ? [] : [once(end, end.notAfter, (known) => known)],
    ),
  );
}

/** Something made of an end, once all of it is known. */
function once<T>(end: End, notAfter: pulumi.Output<string>, make: (known: KnownEnd) => T) {
  const { notAfter: _, ...rest } = end;
  const known = rest as Omit<KnownEnd, "notAfter">;
  return isKnown(rest)
    ? notAfter.apply((time) => make({ ...known, notAfter: time }))
    : pulumi
        .all([rest, notAfter])
        .apply(([others, time]) => make({ ...(others as typeof known), notAfter: time }));
}

/** What the output `certificates` says of one. */
export interface ShownEnd {
  readonly kind: End["kind"];
  readonly source: End["source"];
  /** Absent before a certificate authority has issued the first. */
  readonly notAfter?: string;
  /** How many were left when this was written. */
  readonly days?: number;
}

/** The stack's output, by name. No resource depends on it, so a day that goes by changes none. */
export function certificatesOutput(
  ends: readonly End[],
  renewed: pulumi.Output<readonly KnownEnd[]> = pulumi.output([]),
  now = new Date(),
): Record<string, pulumi.Output<ShownEnd>> {
  return Object.fromEntries(
    ends.map(({ name, kind, source, notAfter }) => [
      name,
      pulumi.all([notAfter, renewed]).apply(([own, others]) => {
        const time = own ?? others.find((other) => other.name === name)?.notAfter;
        return { kind, source, ...(time && { notAfter: time, days: daysLeft(time, now) }) };
      }),
    ]),
  );
}

/**
 * Warns of what ends soon. What is renewed by this run is a new certificate here, and one that isn't known
 * yet in a preview: of neither is there anything to say.
 */
export function warnOfEnds(ends: readonly End[], warnDays: number, now = new Date()): void {
  for (const end of ends) {
    if (end.notAfter !== undefined) {
      once(end, end.notAfter, (known) => {
        warnOf([known], warnDays, now);
      });
    }
  }
}

/** Warns of those whose end is known. */
export function warnOf(ends: readonly KnownEnd[], warnDays: number, now = new Date()): void {
  for (const sentence of warningsOf(ends, { warnDays, now })) {
    void pulumi.log.warn(sentence);
  }
}
