/** How nginx.conf says what may be taken and let through. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  checkRoom,
  doorRoom,
  LARGE_BODY,
  nginxRoom,
  passage,
  roomMaps,
} from "../../render/nginxRoom.ts";

const door = {
  ...{ id: "8441", name: "backend", maxBody: "17m", room: doorRoom },
  buffersUploads: true,
};

describe("turns", () => {
  it("are shared out among all requests, whatever their number", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), (largeBodies) => {
        const text = roomMaps([{ ...door, room: { requests: 1, largeBodies } }], 100);
        const [, block = ""] =
          /split_clients \$request_id \$turn_at_8441 \{\n([^}]*)\}/.exec(text) ?? [];
        const turns = [...block.matchAll(/^ +(?:([0-9.]+)%|\*) (\d+);$/gm)];
        assert.deepEqual(
          turns.map(([, , turn]) => Number(turn)),
          Array.from({ length: largeBodies }, (_, index) => index + 1),
        );
        const shares = turns.map(([, share]) => (share === undefined ? 0 : Number(share)));
        const sum = shares.reduce((a, b) => a + b, 0);
        assert.ok(sum <= 100 && shares.every((share, i) => share > 0 || i === largeBodies - 1));
      }),
    );
  });

  it("exist only for doors that let large bodies through", () => {
    const has = (maxBody: string) => {
      const text = passage({ ...door, maxBody }, nginxRoom);
      assert.equal(roomMaps([{ ...door, maxBody }], 9).includes("turn_at_8441"), /turn/.test(text));
      return /proxy_cache_key "backend \$turn_at_8441";/.test(text);
    };
    for (const small of ["1", "64k", "97k", String(LARGE_BODY - 1)]) {
      assert.equal(has(small), false, small);
    }
    for (const large of ["98k", "1m", "17m", "1g", String(LARGE_BODY)]) {
      assert.equal(has(large), true, large);
    }
  });

  it("never keep an answer", () => {
    assert.match(roomMaps([door], 400), /^proxy_no_cache 1;$/m);
    assert.doesNotMatch(roomMaps([door], 400), /proxy_cache_(valid|use_stale|bypass)/);
  });
});

describe("room", () => {
  for (const [what, room, ofDoor] of [
    ["no workers", { ...nginxRoom, workers: 0 }, doorRoom],
    ["half a connection", { ...nginxRoom, connections: 1000.5 }, doorRoom],
    ["no large bodies", { ...nginxRoom, largeBodies: 0 }, doorRoom],
    ["more than Nginx counts", { ...nginxRoom, largeBodies: 65_536 }, doorRoom],
    ["no requests", nginxRoom, { ...doorRoom, requests: 0 }],
    ["no turns", nginxRoom, { ...doorRoom, largeBodies: 0 }],
  ] as const) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => checkRoom(room, [{ ...door, room: ofDoor }]), RangeError);
    });
  }
});
