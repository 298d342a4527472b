import assert from "node:assert/strict";
import { it } from "node:test";
import { type Deployed, ROLES, run } from "./deployed.ts";

export function unchanged(the: () => Deployed): void {
  it("has nothing to change after `up`", async () => {
    await assertNothingToChange(the());
  });

  it("has nothing to change after a refresh", async () => {
    const refreshed = await the().npm("pulumi", "refresh", "--yes", "--skip-preview");
    assert.equal(refreshed.code, 0, refreshed.output);
    await assertNothingToChange(the());
  });

  it("is healthy according to the doctor", async () => {
    const { code, output } = await the().npm("doctor");
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /✖/);
    for (const line of ["door to kms", "door to backend", "open ports", "certificates"]) {
      assert.match(output, new RegExp(`^ {2}✔ ${line} `, "m"));
    }
    // What the tests before this one have sent, and what is said of every engine before Docker 28.
    const sent = (door: string) =>
      `limits the ${door} was sent 1 body since yesterday that was larger than it takes, and the proxy refused it (413)`;
    const notes =
      output.match(/^ {2}! .*$/gm)?.map((line) => line.slice(4).replace(/ {2,}/, " ")) ?? [];
    assert.deepEqual(
      notes.filter((note) => !note.startsWith("engine ")).map((note) => note.split(":")[0]),
      [sent("backend"), sent("kms")],
    );
    assert.match(output, new RegExp(`^${notes.length} notes\\.$`, "m"));
  });

  it("changes nothing with a second `up`, and says so", async (test) => {
    const runs = () => ROLES.map((role) => run(the().containers()[role]));
    const before = runs();
    const start = performance.now();
    const { output } = await the().up();
    test.diagnostic(`a second up takes ${((performance.now() - start) / 1000).toFixed(1)} s`);
    assert.match(output, /^Nothing changed: it-[0-9a-f]{6} is what its config says\.$/m);
    assert.deepEqual(runs(), before);
  });
}

export async function assertNothingToChange(the: Deployed): Promise<void> {
  const preview = await the.npm("pulumi", "preview", "--expect-no-changes");
  assert.equal(preview.code, 0, preview.output);
}
