/** What the doctor found: what is wrong first, and what is well behind a fold. */
import type { Finding } from "../../finding.ts";
import { type Html, markup, sentence } from "../html.ts";
import { counted } from "../words.ts";

const WORDS = { fault: "Error", note: "Warning", good: "Fine" } as const;

export function findingsSection(findings: readonly Finding[]): Html {
  const of = (level: Finding["level"]) => findings.filter((finding) => finding.level === level);
  const told = [...of("fault"), ...of("note")];
  const good = of("good");
  return markup`<section id="findings" aria-labelledby="findings-title">
<h2 id="findings-title">Findings</h2>
${told.length === 0 ? markup`<p class="calm">Nothing is wrong, and nothing will need attention soon.</p>` : list(told)}
${
  good.length > 0 &&
  markup`<details><summary>${counted(good.length, "check")} found nothing wrong</summary>
${list(good)}</details>`
}
</section>
`;
}

const list = (findings: readonly Finding[]) => markup`<ul class="findings">
${findings.map(
  ({ level, about, text }) =>
    markup`<li class="${level}"><p class="about"><strong>${WORDS[level]}</strong> ${about}</p><p>${sentence(text)}</p></li>
`,
)}</ul>
`;
