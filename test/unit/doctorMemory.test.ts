/** What the doctor says of memory limits that were changed by hand. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { changedMemory } from "../../cli/doctor/changedMemory.ts";
import { CONTAINER } from "../../names/types.ts";

const resource = (name: string, memory?: number) => ({
  urn: `urn:pulumi:dev::cybexp::${CONTAINER}::${name}`,
  type: CONTAINER,
  inputs: { name: `cybexp-dev-${name}`, ...(memory !== undefined && { memory }) },
});
const found = (limits: Record<string, number>) =>
  new Map(
    Object.entries(limits).map(([name, mebibytes]) => [
      `cybexp-dev-${name}`,
      { HostConfig: { Memory: mebibytes * 2 ** 20 } },
    ]),
  );
const texts = (...args: Parameters<typeof changedMemory>) =>
  changedMemory(...args).map(({ level, about, text }) => `${level} ${about}: ${text}`);

describe("a memory limit", () => {
  it("is not spoken of where it is what `up` gave, or where there is no container", () => {
    assert.deepEqual(
      texts([resource("kms", 512), resource("proxy", 256)], found({ kms: 512 })),
      [],
    );
    assert.deepEqual(texts([resource("kms")], found({ kms: 512 })), []);
  });

  it("is named with both numbers where it was changed or taken away", () => {
    assert.deepEqual(
      texts([resource("kms", 512), resource("proxy", 256)], found({ kms: 300, proxy: 0 })),
      [
        "fault changed by hand: kms: it has 300 MiB of memory, and `up` gave it 512; `npm run up` repairs that",
        "fault changed by hand: proxy: it has no limit of memory, and `up` gave it 256; `npm run up` repairs that",
      ],
    );
  });
});
