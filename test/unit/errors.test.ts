import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { describe, it, type TestContext } from "node:test";
import { report, UserError } from "../../programs/errors.ts";

/** What is printed of an error, and the exit code. */
function reported(t: TestContext, error: unknown): { code: number; text: string } {
  let text = "";
  const write = t.mock.method(process.stderr, "write", (chunk: string) => {
    text += chunk;
    return true;
  });
  const code = report(error);
  write.mock.restore();
  return { code, text };
}

describe("reporting an error", () => {
  it("prints a user's error in one sentence", (t) => {
    assert.deepEqual(reported(t, new UserError("port 1 is taken")), {
      code: 1,
      text: "error: port 1 is taken\n",
    });
  });

  it("prints a system error with the file's name", (t) => {
    const full = Object.assign(new Error("x"), { code: "ENOSPC", path: "/a/b" });
    assert.deepEqual(reported(t, full), {
      code: 1,
      text: "error: /a/b: no space left on device\n",
    });
    const unnamed = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
    });
    assert.equal(reported(t, unnamed).text, "error: no space left on device\n");
  });

  it("prints our own bug with its trace", (t) => {
    for (const bug of [new TypeError("x is not a function"), thrownBy(() => mkdirSync("/"))]) {
      const { code, text } = reported(t, bug);
      assert.equal(code, 70);
      assert.match(text, /^internal error: .*\n\s+at /);
    }
    assert.deepEqual(reported(t, "text"), { code: 70, text: "internal error: text\n" });
    assert.equal(reported(t, undefined).code, 70);
  });
});

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return assert.fail("nothing was thrown");
}
