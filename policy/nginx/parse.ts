/** Reads an nginx.conf into its directives, by Nginx's own rules for words, quotes and comments. */

export interface Directive {
  readonly name: string;
  readonly args: readonly string[];
  /** What is between its braces; undefined where there are none. */
  readonly block?: readonly Directive[];
}

/** The text is not an nginx.conf; the message has the line and never the line's content. */
export class NginxSyntaxError extends Error {}

interface Token {
  readonly kind: "word" | ";" | "{" | "}";
  readonly text: string;
  readonly line: number;
}

/**
 * @throws NginxSyntaxError
 */
export function parseNginx(text: string): readonly Directive[] {
  const tokens = [...tokenize(text)];
  let at = 0;
  const block = (isInner: boolean): Directive[] => {
    const directives: Directive[] = [];
    let words: string[] = [];
    for (; at < tokens.length; at++) {
      const { kind, text: word, line } = tokens[at] as Token;
      const [name, ...args] = words;
      if (kind === "word") {
        words.push(word);
      } else if (kind === "}") {
        if (!isInner || name !== undefined) {
          throw new NginxSyntaxError(`line ${line}: an extra "}", or no ";" before it`);
        }
        return directives;
      } else if (name === undefined) {
        throw new NginxSyntaxError(`line ${line}: nothing before "${kind}"`);
      } else {
        at += kind === "{" ? 1 : 0;
        directives.push({ name, args, ...(kind === "{" && { block: block(true) }) });
        words = [];
      }
    }
    if (isInner || words.length > 0) {
      throw new NginxSyntaxError(`it ends inside ${isInner ? "a block" : "a directive"}`);
    }
    return directives;
  };
  return block(false);
}

function* tokenize(text: string): Generator<Token> {
  let line = 1;
  for (let at = 0; at < text.length;) {
    const char = text[at] ?? "";
    if (char === "\n") {
      line++;
      at++;
    } else if (/\s/.test(char)) {
      at++;
    } else if (char === "#") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else if (char === ";" || char === "{" || char === "}") {
      yield { kind: char, text: char, line };
      at++;
    } else {
      const [word, length] = char === '"' || char === "'" ? quoted(text, at, line) : bare(text, at);
      yield { kind: "word", text: word, line };
      line += text.slice(at, at + length).split("\n").length - 1;
      at += length;
    }
  }
}

function quoted(text: string, start: number, line: number): [word: string, length: number] {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") {
      at++;
    } else if (text[at] === text[start]) {
      return [unescaped(text.slice(start + 1, at)), at + 1 - start];
    }
  }
  throw new NginxSyntaxError(`line ${line}: a quote that is not closed`);
}

/** Up to a space, a ";" or a "{" that belongs to no variable. */
function bare(text: string, start: number): [word: string, length: number] {
  let at = start;
  for (; at < text.length; at++) {
    if (text[at] === "\\") {
      at++;
    } else if (text[at] === "$" && text[at + 1] === "{") {
      at = Math.max(text.indexOf("}", at), at);
    } else if (/[\s;{]/.test(text[at] ?? "")) {
      break;
    }
  }
  return [unescaped(text.slice(start, at)), at - start];
}

const CONTROLS: Readonly<Record<string, string>> = { t: "\t", r: "\r", n: "\n" };

/** Nginx keeps the backslash before what it gives no meaning. */
const unescaped = (word: string) =>
  word.replace(/\\(["'\\trn])/g, (_, char: string) => CONTROLS[char] ?? char);
