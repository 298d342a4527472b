/** What a reviewer should know about a preview, before any diff. */
import { type Change, changesOf, isChange, tally } from "./changes.ts";
import { compare } from "./compare.ts";
import { diffOf } from "./diff.ts";
import type { Previewed, Violation } from "./events.ts";
import { holdersIn } from "./holders.ts";
import { lossesIn, LOSES_DATA } from "./losses.ts";
import { stackViewOf } from "./stackView.ts";
import { renewalsOf } from "./renewals.ts";
import { restartsOf } from "./restarts.ts";
import { count, upperFirst } from "./words.ts";

/** A preview of one environment in a few sentences. */
export interface PreviewSummary {
  /** The environment's name, which is its stack's. */
  readonly environment: string;
  /** Whether a deployment would be refused, or fail. */
  readonly failed: boolean;
  /** Why, in sentences. */
  readonly errors: readonly string[];
  readonly violations: readonly Violation[];
  /** What a reader must know about the preview itself, such as that the environment is new. */
  readonly remarks: readonly string[];
  readonly sections: readonly Section[];
  readonly changes: readonly Change[];
  /** For example "1 replaced, 3 updated"; empty if nothing changes. */
  readonly tally: string;
  /** Warnings and reminders. */
  readonly notes: readonly string[];
  /** Each changed resource with its properties. */
  readonly diff: readonly string[];
}

/** One question that a reviewer has, and its answers. */
export interface Section {
  readonly title: string;
  readonly items: readonly string[];
}

/** The result of running a preview. */
export interface Outcome {
  readonly environment: string;
  readonly previewed: Previewed;
  /** Whether Pulumi's exit code was not 0. */
  readonly failed: boolean;
  readonly remarks?: readonly string[];
  readonly notes?: readonly string[];
  /** One sentence for each loss that the steps don't show. */
  readonly losses?: readonly string[];
  /** Names of the containers that run now; absent if all of them do. */
  readonly running?: ReadonlySet<string>;
  /** Hides secrets in a text. */
  readonly mask?: (text: string) => string;
}

/** Pulumi's message for unexpected changes (`--expect-no-changes`). The preview is complete all the same. */
const UNEXPECTED = /^no changes were expected/;

/** The summary of a completed preview. */
export function summarize(outcome: Outcome): PreviewSummary {
  const { environment, previewed, remarks = [], notes = [], losses = [] } = outcome;
  const { mask = (text) => text } = outcome;
  const { steps, violations, failures } = previewed;
  const failed = outcome.failed || failures.length > 0;
  // If the program stopped halfway, it is unknown what it would have kept and what removed.
  const whole = failures.every((failure) => UNEXPECTED.test(failure));
  const summary: PreviewSummary = {
    environment,
    failed,
    errors:
      failed && failures.length === 0 && !violations.some(({ mandatory }) => mandatory)
        ? ["Pulumi failed without a message"]
        : failures,
    violations,
    remarks,
    sections: [
      ...lossSection([...losses, ...lossesIn(steps, failures)]),
      ...(whole ? sectionsOf(previewed, outcome.running) : []),
    ],
    changes: whole ? changesOf(steps) : [],
    tally: whole ? tally(steps) : "",
    notes: [...notes, ...previewed.notes],
    diff: whole ? diffOf(steps.filter(isChange), mask) : [],
  };
  return mapTexts(summary, mask);
}

/** The same value with each text in it changed. */
export function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === "string") {
    return change(value) as T;
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown) => mapTexts(item, change)) as T;
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, item]: [string, unknown]) => [
      key,
      mapTexts(item, change),
    ]);
    return Object.fromEntries(entries) as T;
  }
  return value;
}

function lossSection(items: readonly string[]): Section[] {
  return items.length === 0 ? [] : [{ title: LOSES_DATA, items: items.map(upperFirst) }];
}

/** The summary of a preview that could not begin, with the data that would be lost. */
export function failedSummary(
  environment: string,
  error: string,
  remarks: readonly string[] = [],
  losses: readonly string[] = [],
): PreviewSummary {
  return {
    environment,
    failed: true,
    errors: [error],
    violations: [],
    remarks,
    sections: lossSection(losses),
    changes: [],
    tally: "",
    notes: [],
    diff: [],
  };
}

/** The summary of an environment whose file is removed, so that there is nothing to preview. */
export function removedSummary(
  environment: string,
  remarks: readonly string[] = [],
): PreviewSummary {
  return {
    ...failedSummary(environment, "", remarks),
    failed: false,
    errors: [],
    remarks: [
      ...remarks,
      `Pulumi.${environment}.yaml is removed. If it is deployed, remove it before this is merged (STACK=${environment} npm run down); otherwise it stays deployed.`,
    ],
    tally: "removed",
  };
}

function sectionsOf({ steps }: Previewed, running?: ReadonlySet<string>): Section[] {
  const [before, after] = [stackViewOf(steps, "old"), stackViewOf(steps, "next")];
  const { rotated, lost, gained, stays, accounts, opened, closed } = compare(before, after);
  const renewals = renewalsOf(steps, before, after);
  const isNew = before.users.size === 0 && before.listeners.length === 0;
  const everybody = [
    `${count(holdersIn(after.users), "user")} and ${count(holdersIn(after.clients), "client")}`,
  ];
  return [
    { title: "Loses access", items: [...lost, ...renewals.lost] },
    { title: "Becomes reachable", items: opened },
    { title: "Restarts", items: restartsOf(steps, running) },
    { title: "Is rotated", items: [...rotated, ...renewals.rotated] },
    {
      title: "Gains access",
      items: [...(isNew && after.users.size > 0 ? everybody : gained), ...accounts],
    },
    { title: "Stays in the KMS", items: stays },
    { title: "No longer reachable", items: closed },
  ]
    .filter(({ items }) => items.length > 0)
    .map(({ title, items }) => ({ title, items: items.map(upperFirst) }));
}
