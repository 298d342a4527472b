/** Prints the summary on a terminal, in a few lines. */
import { lossesFirst, verdict } from "./comment.ts";
import type { PreviewSummary } from "./summary.ts";

/** The lines, each with a line break at the end. */
export function renderTerminal(summary: PreviewSummary): string {
  const { environment, violations, errors, remarks, sections, changes, notes } = summary;
  const rules = violations.map(({ rule, resource, message, mandatory }) => {
    const kind = mandatory ? "breaks the rule" : "is advised against by";
    return `${resource} ${kind} ${rule}: ${message}`;
  });
  const [losses, others] = lossesFirst(sections);
  return [
    `${environment}: ${verdict(summary)}`,
    ...losses.flatMap(({ title, items }) => block(title, items)),
    ...remarks.map((remark) => `  ${remark}`),
    ...block("Rules", rules),
    ...others.flatMap(({ title, items }) => block(title, items)),
    ...block(
      "What changes",
      changes.map(({ component, what }) => `${component}: ${what}`),
    ),
    ...notes.map((note) => `note: ${note}`.replace("note: warning:", "warning:")),
    ...errors.map((error) => `error: ${error}`),
    "",
  ].join("\n");
}

function block(title: string, items: readonly string[]): string[] {
  const indent = (text: string) => text.replaceAll("\n", "\n      ");
  return items.length === 0 ? [] : [`  ${title}`, ...items.map((item) => `    - ${indent(item)}`)];
}
