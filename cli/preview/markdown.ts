/** Texts of others in Markdown: shown as they are, and nothing else. */

/** Characters that mean something in GitHub's or GitLab's Markdown. */
const SPECIAL = /[\\`*_{}[\]<>#|~$^&]/g;

/** What does not show, or turns the direction of what does. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Breaks what GitHub and GitLab make a link or a notification of, wherever it stands. */
const NOT_A_LINK = "\u200b";

/** One line of text: no markup, no mention of anybody, no link. */
export function inline(text: string): string {
  return (
    visible(text.replace(/\s+/g, " "))
      .replace(SPECIAL, "\\$&")
      // At the beginning of a line these make a list.
      .replace(/^(\d*)([-+.)])/, "$1\\$2")
      .replace(/@|\\#|:(?=\/\/)|\bwww(?=\.)/g, `$&${NOT_A_LINK}`)
  );
}

/** Lines in a block of code, with a fence that they can't close. */
export function codeBlock(lines: readonly string[], language = ""): string {
  const text = lines.map(visible).join("\n");
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${text}\n${fence}`;
}

function visible(text: string): string {
  return text.replace(INVISIBLE, (character) =>
    character === "\n" ? character : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}
