/** docs/architecture.md names what is there. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ARROWS } from "../../dev/arrows.js";
import { projectRoot } from "../../machine/paths.ts";

const page = readFileSync(join(projectRoot, "docs", "architecture.md"), "utf8");

/** The code spans of a text that are paths in the repository. */
const pathsIn = (text: string): string[] =>
  [...text.matchAll(/`([^`\s]+)`/g)]
    .map(([, span]) => String(span))
    .filter((span) => /^[\w.-]+(\/[\w.-]+)*\/?$/.test(span))
    .filter((span) => span.includes("/") || /\.(ts|js|mjs|md|json)$/.test(span));

/** The rows of the table below a heading, without its head: the cells of each. */
const rowsBelow = (heading: string): string[][] => {
  const [, part = ""] = page.split(`\n## ${heading}\n`);
  const lines = part.split("\n## ")[0]?.split("\n") ?? [];
  return lines
    .filter((line) => line.startsWith("| "))
    .slice(2)
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
};

describe("docs/architecture.md", () => {
  it("names only paths that exist", () => {
    const [, picture = ""] = /```mermaid\n(.*?)```/s.exec(page) ?? [];
    const drawn = [...picture.matchAll(/"([\w-]+\/|[\w-]+\.ts)<br\/>/g)].map(([, path]) => path);
    const paths = [...drawn.map(String), ...pathsIn(page)];
    assert.ok(drawn.includes("settings/") && drawn.includes("index.ts"));
    assert.ok(paths.includes("cli/doctor/engine.ts"));
    const missing = paths.filter((path) => !existsSync(join(projectRoot, path)));
    assert.deepEqual(missing, []);
  });

  it("says for each change where to go", () => {
    const rows = rowsBelow("Where to make a change");
    assert.ok(rows.length >= 17, `${rows.length} rows`);
    for (const [change = "", places = ""] of rows) {
      assert.ok(pathsIn(places).length > 0, change);
    }
  });

  it("has the arrows that the check enforces", () => {
    const told = rowsBelow("What each folder may import").map(([folder = "", others = ""]) => [
      ...pathsIn(folder),
      pathsIn(others),
    ]);
    const held = Object.entries(ARROWS).map(([folder, others]) => [
      `${folder}/`,
      others.map((other) => `${other}/`),
    ]);
    assert.deepEqual(told, held);
  });
});
