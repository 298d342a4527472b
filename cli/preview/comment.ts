/** The comment on a pull request: the summary of each environment, with its diff folded below. */
import { LOSES_DATA } from "./losses.ts";
import { codeBlock, inline } from "./markdown.ts";
import { shareSize } from "./shareSize.ts";
import type { PreviewSummary } from "./summary.ts";

/** The first line, by which the comment is found again and edited. */
export const MARKER = "<!-- cybexp-preview -->";

/**
 * GitHub accepts 65,536 characters, and the script that posts the comment 65,400. This counts bytes, of
 * which there are never fewer.
 */
const LIMIT = 65_400;

/** The rest of a longer list is only counted. */
const MOST_ITEMS = 30;

/** The longest sentence that comes from elsewhere, such as an error, in characters. */
const LONGEST = 2000;

/** Space for the line that says what was cut, and for the block around a diff. */
const FRAME = 400;

/** The whole text. Summaries come first, and the diffs share the space that is left. */
export function renderComment(summaries: readonly PreviewSummary[], limit = LIMIT): string {
  const heads = summaries.map(head);
  const diffs = summaries.map(({ diff }) => diff);
  const size = (text: string) => Buffer.byteLength(text);
  const used = size(MARKER) + heads.reduce((sum, text) => sum + size(text) + FRAME, 0);
  const sizes = shareSize(
    diffs.map((lines) => lines.reduce((sum, line) => sum + size(line) + 1, 0)),
    limit - used,
  );
  const parts = heads.map((text, index) => {
    const summary = summaries[index];
    return summary === undefined ? text : text + folded(summary, sizes[index] ?? 0);
  });
  return cutTo(limit, `${MARKER}\n${parts.join("\n")}`);
}

function head(summary: PreviewSummary): string {
  const { environment, errors, violations, remarks, sections, changes, notes } = summary;
  const mandatory = violations.filter((violation) => violation.mandatory);
  const advisory = violations.filter((violation) => !violation.mandatory);
  const told = (list: typeof violations) =>
    list.map(({ rule, resource, message }) => `${rule} (${resource}): ${message}`);
  const [losses, others] = lossesFirst(sections);
  return [
    `## ${inline(environment)}: ${inline(verdict(summary))}`,
    ...losses.flatMap(({ title, items }) => list(title, items)),
    ...remarks.map(inline),
    ...errors.flatMap((error) => ["**Fails:**", codeBlock(shorten(error).split("\n"))]),
    ...list("Breaks a rule", told(mandatory)),
    ...others.flatMap(({ title, items }) => list(title, items)),
    ...list("Is advised against", told(advisory)),
    ...list(
      "What changes",
      changes.map(({ component, what }) => `${component}: ${what}`),
    ),
    ...list("Notes", notes),
  ].join("\n\n");
}

/** Splits off the losses, which come before everything else. */
export function lossesFirst<T extends { readonly title: string }>(
  sections: readonly T[],
): [losses: T[], others: T[]] {
  const isLoss = ({ title }: T) => title === LOSES_DATA;
  return [sections.filter(isLoss), sections.filter((section) => !isLoss(section))];
}

/** The outcome in a few words, for the heading. */
export function verdict(summary: PreviewSummary): string {
  const outcome = withoutLosses(summary);
  const loses = summary.sections.some(({ title }) => title === LOSES_DATA);
  return loses ? `LOSES DATA; ${outcome}` : outcome;
}

function withoutLosses({ errors, violations, tally, failed }: PreviewSummary): string {
  if (violations.some(({ mandatory }) => mandatory)) {
    return "breaks a rule";
  }
  if (failed || errors.length > 0) {
    return "fails";
  }
  return tally || "nothing changes";
}

function list(title: string, items: readonly string[]): string[] {
  const rest = items.length - MOST_ITEMS;
  const lines = [
    ...items.slice(0, MOST_ITEMS).map((item) => `- ${inline(shorten(item))}`),
    ...(rest > 0 ? [`- and ${rest} more`] : []),
  ];
  return items.length === 0 ? [] : [`**${title}**`, lines.join("\n")];
}

function shorten(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)} ... (cut)` : text;
}

/** The diff, with as many lines as fit. */
function folded({ environment, diff, tally }: PreviewSummary, size: number): string {
  if (diff.length === 0) {
    return "\n";
  }
  const shown: string[] = [];
  let left = size;
  for (const line of diff) {
    left -= Buffer.byteLength(line) + 1;
    if (left < 0) {
      break;
    }
    shown.push(line);
  }
  const cut = diff.length - shown.length;
  const block = [
    "",
    `<details><summary>Diff: ${tally}</summary>`,
    ...(shown.length > 0 ? [codeBlock(shown, "diff")] : []),
    ...(cut > 0
      ? [
          `${cut} of ${diff.length} lines are cut, because a comment can have only ${LIMIT} characters. ` +
            `To see all: \`STACK=${environment.replace(/[^\w.-]/g, "")} npm run preview -- --diff\``,
        ]
      : []),
    "</details>",
  ];
  return `${block.join("\n\n")}\n`;
}

/** The last resort, if the summaries alone are too long. */
function cutTo(limit: number, text: string): string {
  const end = "\n\nThe rest of the summary is cut, because it does not fit into a comment.\n";
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) {
    return text;
  }
  const kept = bytes.subarray(0, limit - end.length - 8).toString("utf8");
  const whole = kept.slice(0, kept.lastIndexOf("\n"));
  // An unclosed code block would swallow the notice.
  const fences = [...whole.matchAll(/^(`{3,})/gm)].map(([fence]) => fence);
  const open = fences.length % 2 === 1 ? `\n${fences.at(-1)}` : "";
  return `${whole}${open}${end}`;
}
