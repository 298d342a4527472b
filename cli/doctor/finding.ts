/** What the doctor found about one thing. */
export interface Finding {
  /** `note`: nothing is wrong now, but something soon will be, or could be better. */
  readonly level: "good" | "note" | "fault";
  /** What was checked. */
  readonly about: string;
  /** One sentence: what was found and, if that is not good, what to do. */
  readonly text: string;
}

const SIGNS = { good: "✔", note: "!", fault: "✖" } as const;

/** The findings as lines. Faults come last, where they are noticed. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(0, ...findings.map(({ about }) => about.length));
  const order = ["good", "note", "fault"];
  return findings
    .toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
    .map(({ level, about, text }) => `  ${SIGNS[level]} ${about.padEnd(width)}  ${text}\n`)
    .join("");
}

/** The last line: whether all is well. */
export function verdict(findings: readonly Finding[]): string {
  const count = (level: Finding["level"], noun: string) => {
    const number = findings.filter((finding) => finding.level === level).length;
    return number === 0 ? [] : [`${number} ${noun}${number === 1 ? "" : "s"}`];
  };
  const parts = [...count("fault", "fault"), ...count("note", "note")];
  return parts.length === 0 ? "All is well." : `${parts.join(", ")}.`;
}
