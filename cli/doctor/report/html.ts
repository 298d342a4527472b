/** Puts HTML together. Whatever is not HTML already is text, and stays it. */

/** Text that is HTML. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Part = Html | string | number | undefined | false | readonly Part[];

/** A template whose values are escaped, unless they are HTML. */
export function markup(strings: TemplateStringsArray, ...values: readonly Part[]): Html {
  return new Html(
    strings.reduce((text, string, index) => text + textOf(values[index - 1]) + string),
  );
}

function textOf(part: Part): string {
  return part === undefined || part === false
    ? ""
    : part instanceof Html
      ? part.text
      : typeof part === "object"
        ? part.map(textOf).join("")
        : escape(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** For text and for attributes; what no document may have becomes a sign for it. */
export const escape = (text: string): string =>
  text
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufffe\uffff]|\p{Cs}/gu, "\ufffd")
    // Signs that turn the direction of writing around would change how the rest reads.
    .replace(/[\u202a-\u202e\u2066-\u2069\u200e\u200f]/g, "\ufffd")
    .replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? "");

/** A sentence with its `commands`. */
export const sentence = (text: string): Part =>
  text.split("`").map((part, index) => (index % 2 === 1 ? markup`<code>${part}</code>` : part));

export interface Column {
  readonly title: string;
  readonly number?: true;
  /** Left out where there is little room. */
  readonly spare?: true;
  /** Drawn above the column, beside its title. */
  readonly head?: Html;
}

/** A table that scrolls by itself where it is too wide; the first cell of a row names it. */
export const table = (
  caption: string,
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
): Html =>
  markup`<div class="scroll" role="region" tabindex="0" aria-label="${caption}">
<table><caption>${caption}</caption>
<thead><tr>${columns.map((column) => markup`<th scope="col"${classOf(column)}>${headOf(column)}</th>`)}</tr></thead>
<tbody>
${rows.map((row) => markup`<tr>${row.map((cell, index) => cellOf(cell, index, columns[index]))}</tr>\n`)}</tbody></table></div>
`;

const cellOf = (cell: Part, index: number, column: Column | undefined) =>
  index === 0 ? markup`<th scope="row">${cell}</th>` : markup`<td${classOf(column)}>${cell}</td>`;

const headOf = ({ title, head }: Column) =>
  head === undefined ? title : markup`<span class="unseen">${title}</span>${head}`;

function classOf({ number, spare, head }: Partial<Column> = {}): Part {
  const names = [number && "number", spare && "spare", head && "drawn"].filter(Boolean);
  return names.length > 0 && markup` class="${names.join(" ")}"`;
}

/** A table of the first few, and one of the others behind a fold. */
export function folded<T>(
  rows: readonly T[],
  most: number,
  noun: string,
  draw: (rows: readonly T[], caption?: string) => Html,
): Html {
  // A fold for two or three would only be in the way.
  if (rows.length <= most + 3) {
    return draw(rows);
  }
  const [first, others] = [rows.slice(0, most), rows.slice(most)];
  return markup`${draw(first)}<details><summary>${others.length} more ${noun}</summary>
${draw(others, `${others.length} more ${noun}`)}</details>`;
}
