/** The same checks pass on a stack that was removed and made again, on two side by side, and elsewhere. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { checkStack } from "../integration/deployed/checkStack.ts";
import { Deployed, ROLES, run } from "../integration/deployed/deployed.ts";
import { Project } from "../integration/project.ts";
import { describeSecondEngine } from "./engines/describeSecondEngine.ts";

describe("stacks on one engine", () => {
  let one: Deployed;
  let other: Deployed;
  before(async () => {
    one = new Deployed(await Project.create());
    other = new Deployed(await Project.create());
  });
  after(async () => {
    await one.project.remove();
    await other.project.remove();
  });

  const down = async (the: Deployed) => {
    const { code, output } = await the.npm("down");
    assert.equal(code, 0, output);
    assert.deepEqual(the.project.leftovers(), []);
  };
  /** Which containers there are, since when they run, and what opens the doors. */
  const identity = async (the: Deployed) => {
    await the.load();
    return [ROLES.map((role) => run(the.containers()[role])), the.outputs.users];
  };

  it("one that was destroyed is created again, with other secrets", async () => {
    await one.up();
    await checkStack(one);
    const old = one.user("collector");
    await down(one);

    await one.up();
    await checkStack(one);
    assert.equal((await one.call("kms", "/", { credential: old })).status, 401);
  });

  it("a second one beside it is a stack of its own", async () => {
    const before = await identity(one);
    await other.up();
    await checkStack(other);
    assert.deepEqual(await identity(one), before);
    await checkStack(one);
    const credential = one.user("collector");
    assert.equal((await other.call("kms", "/", { credential })).status, 401);
  });

  it("destroying one leaves the other as it was", async () => {
    const before = await identity(other);
    await down(one);
    assert.deepEqual(await identity(other), before);
    await checkStack(other);
  });
});

describeSecondEngine("this machine's own Docker", {}, /^\d+\./);
