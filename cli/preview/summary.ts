/** What a reviewer is to know of a preview, before any diff. */
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
  /** Whether a deployment of it would be refused, or fail. */
  readonly failed: boolean;
  /** Why it would, one sentence each. */
  readonly errors: readonly string[];
  readonly violations: readonly Violation[];
  /** What a reader has to know of the preview itself, such as that the environment is new. */
  readonly remarks: readonly string[];
  readonly sections: readonly Section[];
  readonly changes: readonly Change[];
  /** As in "1 replaced, 3 updated"; empty where nothing changes. */
  readonly tally: string;
  /** Warnings and reminders. */
  readonly notes: readonly string[];
  /** Each changed resource with its properties. */
  readonly diff: readonly string[];
}

/** One question of the reviewer's, and its answers. */
export interface Section {
  readonly title: string;
  readonly items: readonly string[];
}

/** What the run of a preview came to. */
export interface Outcome {
  readonly environment: string;
  readonly previewed: Previewed;
  /** Whether Pulumi ended with another exit code than 0. */
  readonly failed: boolean;
  readonly remarks?: readonly string[];
  readonly notes?: readonly string[];
  /** What is lost that the steps don't tell; a sentence each. */
  readonly losses?: readonly string[];
  /** Names of the containers that run now; absent where all of them do. */
  readonly running?: ReadonlySet<string>;
  /** Hides secrets in a text. */
  readonly mask?: (text: string) => string;
}

/** Pulumi's words for changes that were not to be (`--expect-no-changes`): it knows them all. */
const UNEXPECTED = /^no changes were expected/;

/** The summary of a preview that Pulumi has run. */
export function summarize(outcome: Outcome): PreviewSummary {
  const { environment, previewed, remarks = [], notes = [], losses = [] } = outcome;
  const { mask = (text) => text } = outcome;
  const { steps, violations, failures } = previewed;
  const failed = outcome.failed || failures.length > 0;
  // Of a program that stopped halfway it is not known what it would have left, and what removed.
  const whole = failures.every((failure) => UNEXPECTED.test(failure));
  const summary: PreviewSummary = {
    environment,
    failed,
    errors:
      failed && failures.length === 0 && !violations.some(({ mandatory }) => mandatory)
        ? ["Pulumi failed without a word"]
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

/** The same with each text in it changed. */
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

/** A preview that could not even begin; of one that would lose data, what that is. */
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

/** An environment whose file is removed: there is nothing to preview. */
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
      `Pulumi.${environment}.yaml is removed. What is deployed of it stays until it is destroyed (STACK=${environment} npm run down), before this is merged.`,
    ],
    tally: "removed",
  };
}

function sectionsOf({ steps }: Previewed, running?: ReadonlySet<string>): Section[] {
  const [before, after] = [stackViewOf(steps, "old"), stackViewOf(steps, "next")];
  const { rotated, lost, gained, opened, closed } = compare(before, after);
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
    { title: "Gains access", items: isNew && after.users.size > 0 ? everybody : gained },
    { title: "No longer reachable", items: closed },
  ]
    .filter(({ items }) => items.length > 0)
    .map(({ title, items }) => ({ title, items: items.map(upperFirst) }));
}
