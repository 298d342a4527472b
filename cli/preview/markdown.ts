/** Puts foreign texts into Markdown so that they are shown literally. */

/** Characters that mean something in GitHub's or GitLab's Markdown. */
const SPECIAL = /[\\`*_{}[\]<>#|~$^&]/g;

/** Invisible characters, and those that change the direction of text. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Breaks what GitHub and GitLab would turn into a link or a notification. */
const NOT_A_LINK = "\u200b";

/** One line of text, without markup, mentions or links. */
export function inline(text: string): string {
  return (
    visible(text.replace(/\s+/g, " "))
      .replace(SPECIAL, "\\$&")
      // At the beginning of a line, these would start a list.
      .replace(/^(\d*)([-+.)])/, "$1\\$2")
      .replace(/@|\\#|:(?=\/\/)|\bwww(?=\.)/g, `$&${NOT_A_LINK}`)
  );
}

/** Lines in a code block, with a fence that they can't close. */
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
