import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Deployed, run } from "./deployed.ts";

export function wrongNginx(the: () => Deployed): void {
  it("fails with Nginx's own words on a wrong setting, while the old release serves", async () => {
    const proxy = run(the().containers().proxy);
    const file = join(the().project.dir, "render", "nginx.ts");
    const right = readFileSync(file, "utf8");
    const wrong = right.replace("daemon off;\n", "daemon off;\nno_such_directive on;\n");
    assert.notEqual(wrong, right);

    writeFileSync(file, wrong);
    const { value: up, statuses } = await whileCalling(the(), () => the().npm("up"));
    writeFileSync(file, right);

    assert.notEqual(up.code, 0);
    assert.match(up.output, /Nginx refuses the new configuration, so the old one keeps serving/);
    assert.match(up.output, /unknown directive "no_such_directive"/);
    assert.doesNotMatch(up.output, /^\s+at .*:\d+/m);
    assert.ok(statuses.length > 10, `${statuses.length} requests were made`);
    assert.deepEqual(
      statuses.filter((status) => status !== 200),
      [],
    );
    assert.equal(run(the().containers().proxy), proxy);
  });

  it("leaves an `up` that did not finish, says the doctor, and blames nothing else", async () => {
    const { code, output } = await the().npm("doctor");
    assert.equal(code, 1, output);
    const faults = output.split("\n").filter((line) => line.startsWith("  ✖"));
    assert.equal(faults.length, 1, output);
    const up = `\`STACK=${the().project.stack} npm run up\``;
    assert.ok(faults[0]?.includes(`the last \`up\` did not finish`), output);
    assert.ok(faults[0]?.endsWith(`${up} continues from where it ended`), output);
  });
}

/** Calls both services all the time while something is going on; a call without answer counts as 0. */
async function whileCalling<T>(
  the: Deployed,
  work: () => Promise<T>,
): Promise<{ value: T; statuses: number[] }> {
  const statuses: number[] = [];
  let busy = true;
  const caller = async (door: "kms" | "backend") => {
    while (busy) {
      statuses.push(
        await the.call(door, "/").then(
          ({ status }) => status,
          () => 0,
        ),
      );
      await sleep(200);
    }
  };
  const callers = [caller("kms"), caller("backend")];
  try {
    return { value: await work(), statuses };
  } finally {
    busy = false;
    await Promise.all(callers);
  }
}
