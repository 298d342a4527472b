/** The report of everything that is wrong with a stack's configuration. */
import { quote } from "./show.ts";

/** One mistake in the stack's configuration. */
export interface Problem {
  /** The key as people write it, such as `cybexp:kms.bind` or `cybexp:users[2].password`. */
  readonly path: string;
  /** The value, ready to print and never a secret; absent if there is none. */
  readonly value?: string;
  /** Why it is refused, and what is allowed. */
  readonly reason: string;
  /** What to do. */
  readonly remedy: string;
}

/** How many problems a report spells out. It only counts the rest. */
const MOST = 100;

const order = new Intl.Collator("en", { numeric: true });

/** The stack's configuration can't be used; the message is the whole report. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
  /** All problems, ordered by path. */
  readonly problems: readonly Problem[];

  constructor(stack: string, problems: readonly Problem[]) {
    const sorted = problems.toSorted((a, b) => order.compare(a.path, b.path));
    super(renderReport(stack, sorted));
    this.problems = sorted;
  }
}

function renderReport(stack: string, problems: readonly Problem[]): string {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  const rest = problems.length - MOST;
  return [
    `The configuration of stack ${quote(stack)} has ${count}. Nothing was changed.`,
    ...problems.slice(0, MOST).map(renderProblem),
    ...(rest > 0 ? [`${rest} more, shown once these are fixed.`] : []),
  ].join("\n\n");
}

function renderProblem({ path, value, reason, remedy }: Problem): string {
  return [`${path}${value === undefined ? "" : ` = ${value}`}`, `  ${reason}`, `  ${remedy}`].join(
    "\n",
  );
}
