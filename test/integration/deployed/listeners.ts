import assert from "node:assert/strict";
import { it } from "node:test";
import type { Deployed } from "./deployed.ts";

export function listeners(the: () => Deployed): void {
  it("recognizes the stack's own listeners, however Docker spells them", async () => {
    const config = the().project.readConfig();
    try {
      the().project.configure((changed) => {
        // Docker joins neighbouring ports in its list, and every address has several spellings.
        const { listen } = changed["cybexp:kms"] as { listen: number };
        Object.assign(changed["cybexp:backend"] as object, { listen: listen + 1 });
        Object.assign(changed["cybexp:proxy"] as object, { address: "0.0.0.0" });
      });
      for (const run of ["the first", "the second"]) {
        const result = await the().npm("up");
        assert.equal(result.code, 0, `${run}: ${result.output}`);
      }
      assert.match((await the().npm("up")).stdout, /Nothing changed/);
    } finally {
      the().project.writeConfig(config);
    }
    const back = await the().npm("up");
    assert.equal(back.code, 0, back.output);
    await the().load();
  });
}
