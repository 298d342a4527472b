/** One sentence for each change by hand: those that Pulumi's refresh sees, and those that it can't see. */
import { typeIn } from "../names/resources.ts";
import { isInDocker, VOLUME } from "../names/types.ts";
import { here } from "../programs/npmRun.ts";
import { remedyFor } from "./driftRepairs.ts";
import type { Drift } from "./driftRepairs.ts";
import { titleOf } from "./updateReport.ts";

/** The part of a step of `pulumi refresh --preview-only --json` that is reported. */
export interface RefreshStep {
  /** "refresh": unchanged; "update": changed; "delete": gone. */
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
 * A sentence for each thing that is not as the last `up` left it, with what `up` does about it.
 *
 * @param steps The steps of Pulumi's refresh.
 * @param byHand Changes that the refresh can't see.
 * @param told Volumes that are reported elsewhere.
 */
export function findings(
  steps: readonly RefreshStep[],
  byHand: readonly Drift[],
  told: readonly string[] = [],
): string[] {
  // What isn't in Docker is only in the state, where nobody changes it by hand. A certificate that enters
  // its renewal window differs, too, but is reported elsewhere.
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
      // "the volume X is gone" is reported already.
      .filter(({ why }) => !why.split(" ").some((word) => gone.includes(word)))
      .map((drift) => `${title(drift.urn)}: ${drift.why}${remedyFor(drift, "creates it again")}`),
  ];
}

const title = (urn: string): string => titleOf(urn, typeIn(urn));

function sentenceOf({ op, urn, diffReasons, oldState, newState }: RefreshStep): string {
  const [before, now] = [oldState?.outputs ?? {}, newState?.outputs ?? {}];
  if (op === "delete") {
    return typeIn(urn) === VOLUME
      ? `${title(urn)} is gone: \`${here("up")}\` creates a new one with the files that it delivers; only a backup brings records and keys back`
      : `${title(urn)} is gone: \`${here("up")}\` creates it again`;
  }
  if (before["mustRun"] === true && now["mustRun"] === false) {
    // Its ports differ, too, while it is stopped, so the differences say nothing.
    return `${title(urn)} is stopped: \`${here("up")}\` starts it`;
  }
  const differences = (diffReasons ?? []).map((name) => difference(name, before[name], now[name]));
  const what = differences.length > 0 ? ` (${differences.join("; ")})` : "";
  return `${title(urn)} was changed${what}: \`${here("up")}\` puts it back`;
}

/** Shows values only where they can't be secrets. */
function difference(name: string, before: unknown, now: unknown): string {
  const plain = [before, now].every((value) => ["number", "boolean"].includes(typeof value));
  return plain ? `${name} is ${String(now)}, was ${String(before)}` : name;
}
