/** What was changed by hand, a sentence each: from Pulumi's refresh, and from what that can't see. */
import { typeIn } from "../names/resources.ts";
import { isInDocker, VOLUME } from "../names/types.ts";
import { here } from "../programs/npmRun.ts";
import { remedyFor } from "./driftRepairs.ts";
import type { Drift } from "./driftRepairs.ts";
import { titleOf } from "./updateReport.ts";

/** A step of `pulumi refresh --preview-only --json`, as far as it is told. */
export interface RefreshStep {
  /** "refresh": as it was; "update": changed; "delete": gone. */
  readonly op: string;
  readonly urn: string;
  /** Properties that differ. */
  readonly diffReasons?: readonly string[] | null;
  readonly oldState?: RefreshedState | null;
  readonly newState?: RefreshedState | null;
}

interface RefreshedState {
  readonly id?: string;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/**
 * A sentence for each thing that is not as the last `up` left it, and how `up` puts it right.
 *
 * @param steps Pulumi's own.
 * @param byHand What its refresh can't see.
 * @param told Volumes of which is told elsewhere.
 */
export function findings(
  steps: readonly RefreshStep[],
  byHand: readonly Drift[],
  told: readonly string[] = [],
): string[] {
  // What is no thing in Docker is in the state only: nobody changes it by hand. A certificate that
  // comes into its window differs, too, and is told elsewhere.
  const changed = steps.filter(
    ({ op, urn, oldState }) =>
      op !== "refresh" && isInDocker(typeIn(urn)) && !told.includes(oldState?.id ?? ""),
  );
  const gone = [
    ...told,
    ...changed.flatMap(({ op, oldState }) => (op === "delete" ? [oldState?.id] : [])),
  ];
  return [
    ...changed.map(sentenceOf),
    ...byHand
      // "the volume X is gone" is told already.
      .filter(({ why }) => !why.split(" ").some((word) => gone.includes(word)))
      .map((drift) => `${title(drift.urn)}: ${drift.why}${remedyFor(drift, "makes it anew")}`),
  ];
}

const title = (urn: string): string => titleOf(urn, typeIn(urn));

function sentenceOf({ op, urn, diffReasons, oldState, newState }: RefreshStep): string {
  const [before, now] = [oldState?.outputs ?? {}, newState?.outputs ?? {}];
  if (op === "delete") {
    return typeIn(urn) === VOLUME
      ? `${title(urn)} is gone: \`${here("up")}\` makes a new one with the files that it delivers; records and keys come back from a backup only`
      : `${title(urn)} is gone: \`${here("up")}\` makes it anew`;
  }
  if (before["mustRun"] === true && now["mustRun"] === false) {
    // It has no ports either while it is stopped.
    return `${title(urn)} is stopped: \`${here("up")}\` starts it`;
  }
  const differences = (diffReasons ?? []).map((name) => difference(name, before[name], now[name]));
  const what = differences.length > 0 ? ` (${differences.join("; ")})` : "";
  return `${title(urn)} was changed${what}: \`${here("up")}\` puts it back`;
}

/** By value only what can be no secret. */
function difference(name: string, before: unknown, now: unknown): string {
  const plain = [before, now].every((value) => ["number", "boolean"].includes(typeof value));
  return plain ? `${name} is ${String(now)}, was ${String(before)}` : name;
}
