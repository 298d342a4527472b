import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { MARKER, renderComment } from "../../cli/preview/comment.ts";
import { codeBlock, inline } from "../../cli/preview/markdown.ts";
import { shareSize } from "../../cli/preview/shareSize.ts";
import { failedSummary, type PreviewSummary } from "../../cli/preview/summary.ts";

const summary = (given: Partial<PreviewSummary> = {}): PreviewSummary => ({
  ...failedSummary("dev", ""),
  failed: false,
  errors: [],
  tally: "1 updated",
  ...given,
});

const LIMIT = 65_400;
const bytes = (text: string) => Buffer.byteLength(text);

describe("the comment", () => {
  it("has the marker, a heading for each environment, the summary, and the diff folded", () => {
    const violation = { rule: "r", pack: "p", resource: "kms", message: "m" };
    const text = renderComment([
      summary({
        remarks: ["A remark."],
        violations: [
          { ...violation, mandatory: true },
          { ...violation, rule: "s", mandatory: false },
        ],
        sections: [{ title: "Loses access", items: ["user ann"] }],
        changes: [{ component: "KMS", what: "updates x" }],
        notes: ["a note"],
        diff: ["! container kms REPLACED", "    image: 1 => 2"],
      }),
      summary({ environment: "prod", tally: "" }),
    ]);
    assert.equal(
      text,
      `<!-- cybexp-preview -->
## dev: breaks a rule

A remark.

**Breaks a rule**

- r (kms): m

**Loses access**

- user ann

**Is advised against**

- s (kms): m

**What changes**

- KMS: updates x

**Notes**

- a note

<details><summary>Diff: 1 updated</summary>

\`\`\`diff
! container kms REPLACED
    image: 1 => 2
\`\`\`

</details>

## prod: nothing changes
`,
    );
  });

  it("shows an error as it is, in a block that it can't close", () => {
    assert.equal(
      renderComment([failedSummary("dev", "one\n```\n</details> @all")]),
      `${MARKER}\n## dev: fails\n\n**Fails:**\n\n\`\`\`\`\none\n\`\`\`\n</details> @all\n\`\`\`\`\n`,
    );
  });

  it("gives the diffs the space that the summaries leave, and says what it cut", () => {
    const diff = Array.from({ length: 5000 }, (_, index) => `! line ${index} ${"x".repeat(20)}`);
    const item = "user ann: ".padEnd(300, "y");
    const sections = [{ title: "Loses access", items: Array.from({ length: 20 }, () => item) }];
    const text = renderComment([
      summary({ environment: "a", diff, sections }),
      summary({ environment: "b", diff: ["! small"], sections }),
      summary({ environment: "c", diff, sections }),
    ]);
    assert.ok(bytes(text) <= LIMIT && bytes(text) > 0.95 * LIMIT, String(bytes(text)));
    assert.equal(text.split(item).length - 1, 60);
    assert.ok(text.includes("\n! small\n"));
    const notices = [...text.matchAll(/^(\d+) of 5000 lines are cut, because .*$/gm)];
    assert.equal(notices.length, 2);
    assert.match(notices[0]?.[0] ?? "", /STACK=a npm run preview -- --diff/);
    const shown = [...text.matchAll(/^! line /gm)].length;
    assert.equal(shown, 10_000 - notices.reduce((sum, [, cut]) => sum + Number(cut), 0));
    assert.equal(text.split("<details>").length, text.split("</details>").length);
  });

  it("stays within the limit whatever the summaries are, and says so", () => {
    const many = Array.from({ length: 200 }, (_, index) =>
      failedSummary(`e${index}`, "z".repeat(5000)),
    );
    const text = renderComment(many);
    assert.ok(bytes(text) <= LIMIT, String(bytes(text)));
    assert.ok(
      text.endsWith("The rest of the summary is cut, because it does not fit into a comment.\n"),
    );
    const fences = [...text.matchAll(/^```/gm)].length;
    assert.equal(fences % 2, 0);
  });

  it("is the same for the same change, and never too long", () => {
    const texts = fc.array(fc.string({ maxLength: 300, unit: "grapheme" }), { maxLength: 40 });
    fc.assert(
      fc.property(texts, texts, fc.integer({ min: 2000, max: 6000 }), (items, diff, limit) => {
        const given = [summary({ sections: [{ title: "T", items }], diff, notes: items })];
        const text = renderComment(given, limit);
        assert.equal(renderComment(given, limit), text);
        assert.ok(text.startsWith(`${MARKER}\n`));
        assert.ok(bytes(text) <= limit, `${bytes(text)} > ${limit}`);
      }),
      { numRuns: 200 },
    );
  });

  it("counts items if there are too many to list", () => {
    const notes = Array.from({ length: 35 }, (_, index) => `note ${index}`);
    assert.ok(renderComment([summary({ notes })]).includes("- note 29\n- and 5 more\n"));
  });
});

describe("untrusted text in Markdown", () => {
  it("has no markup, no mention and no link", () => {
    assert.equal(
      inline("a `b` *c* <d> [e](f) | ~g~"),
      "a \\`b\\` \\*c\\* \\<d\\> \\[e\\](f) \\| \\~g\\~",
    );
    assert.equal(inline("@octocat see #1"), "@\u200boctocat see \\#\u200b1");
    assert.equal(
      inline("https://evil.example www.evil.example"),
      "https:\u200b//evil.example www\u200b.evil.example",
    );
    assert.equal(inline("a\n## b\r\n- c"), "a \\#\u200b\\#\u200b b - c");
    assert.equal(inline("- a"), "\\- a");
    assert.equal(inline("1. a"), "1\\. a");
    assert.equal(inline("</details>&lt;"), "\\</details\\>\\&lt;");
    // Turns the direction of what follows.
    assert.equal(inline("a\u202eb\0"), "a\\\\u\\{202e\\}b\\\\u\\{0\\}");
  });

  it("can't end a code block", () => {
    assert.equal(codeBlock(["a ```` b", "```"]), "`````\na ```` b\n```\n`````");
    assert.equal(codeBlock(["a"], "diff"), "```diff\na\n```");
  });
});

describe("the size of a comment", () => {
  it("is given to those that need little, and shared evenly among the others", () => {
    assert.deepEqual(shareSize([10, 500, 500], 300), [10, 145, 145]);
    assert.deepEqual(shareSize([10, 20], 300), [10, 20]);
    assert.deepEqual(shareSize([10, 20], -5), [0, 0]);
    assert.deepEqual(shareSize([], 5), []);
  });

  it("is never more than is available or needed", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(10_000)), fc.nat(50_000), (needs, room) => {
        const given = shareSize(needs, room);
        assert.ok(given.reduce((sum, part) => sum + part, 0) <= room);
        given.forEach((part, index) => assert.ok(part <= (needs[index] ?? 0)));
      }),
    );
  });
});
