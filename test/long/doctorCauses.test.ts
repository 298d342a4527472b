/** The doctor names what is wrong with a stack, whatever it is, and has nothing to say of a sound one. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { needPrograms } from "./clients/packages.ts";
import { CAUSES } from "./doctor/causes.ts";
import { SickStack, type Told } from "./doctor/sickStack.ts";

const RUNS = Number(process.env["CYBEXP_TEST_DOCTOR_RUNS"] ?? 100);

describe("the doctor of a deployed stack", () => {
  let stack: SickStack;
  before(async () => {
    await needPrograms("faketime");
    stack = await SickStack.create();
    await stack.deploy();
  });
  after(() => stack.remove());

  const assertSound = ({ code, found, error }: Told) =>
    assert.deepEqual({ code, found, error }, { code: 0, found: [], error: undefined });

  it("says that it is sound", async () => assertSound(await stack.look()));

  for (const { name, make, env, code = 1, found } of CAUSES) {
    it(`names ${name}, and nothing else`, async () => {
      const mend = await make(stack);
      let told: Told;
      let due: readonly (string | RegExp)[];
      try {
        told = await stack.look(env?.());
        due = found(stack);
      } finally {
        await mend();
        await stack.untilHealthy();
      }
      const lines = told.error === undefined ? told.found : [`unknown: ${told.error}`];
      // What fits is left out, so that what is left says what is wrong.
      const fits = (line: string, one: string | RegExp | undefined) =>
        typeof one === "string" ? line === one : (one?.test(line) ?? false);
      assert.deepEqual(
        {
          code: told.code,
          found: lines.filter((line) => !due.some((one) => fits(line, one))),
          missing: due.filter((one) => !lines.some((line) => fits(line, one))).map(String),
        },
        { code, found: [], missing: [] },
      );
      assertSound(await stack.look());
    });
  }

  it(`has no false alarm in ${RUNS} runs on a sound stack`, async (t) => {
    const all: Told[] = [];
    for (let run = 0; run < RUNS; run++) {
      all.push(await stack.look());
    }
    const times = all.map(({ seconds }) => seconds).sort((a, b) => a - b);
    const at = (share: number) => times[Math.floor(share * (times.length - 1))]?.toFixed(1);
    t.diagnostic(`a run took ${at(0.5)} s (median), ${at(0)} to ${at(1)} s`);
    const alarms = all.filter(({ code, found }) => code !== 0 || found.length > 0);
    assert.deepEqual(alarms, []);
  });
});
