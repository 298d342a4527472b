/** What the report counts of the proxy's log. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { TrafficCount } from "../../cli/doctor/report/facts/traffic.ts";
import type { Traffic } from "../../cli/doctor/report/model.ts";
import { logLine, NOW } from "./reportSample.ts";

const counted = (lines: readonly string[], cut = false): Traffic => {
  const count = new TrafficCount(NOW, ["kms", "backend"], ["ann", "collector"]);
  lines.forEach((line) => count.add(line));
  return count.result(cut);
};
const lines = (...changes: readonly Record<string, unknown>[]) => changes.map(logLine);

describe("the last hour", () => {
  it("has sixty whole minutes, up to the one that is under way", () => {
    const { minutes } = counted([]);
    assert.equal(minutes.length, 60);
    assert.deepEqual(
      [minutes[0]?.start.toISOString(), minutes[59]?.start.toISOString()],
      ["2026-11-28T05:06:00.000Z", "2026-11-28T06:05:00.000Z"],
    );
  });

  it("puts each request into its minute, at the edges, too, and in any time zone", () => {
    const times = [
      ...["2026-11-28T05:05:59+00:00", "2026-11-28T05:06:00+00:00", "2026-11-28T05:06:59+00:00"],
      ...["2026-11-28T07:07:00+02:00", "2026-11-28T06:05:59+00:00", "2026-11-28T06:06:00+00:00"],
    ];
    const { minutes } = counted(lines(...times.map((time) => ({ time }))));
    const seen = minutes.map(({ outcomes }, index) => [index, outcomes.answered] as const);
    assert.deepEqual(
      seen.filter(([, number]) => number > 0),
      [
        [0, 2],
        [1, 1],
        [59, 1],
      ],
    );
  });

  it("tells how requests ended, and who said so", () => {
    const cases = [
      ["200", "200", "answered"],
      ["304", "304", "answered"],
      ["404", "404", "declined"],
      ["401", "401", "declined"],
      ["401", "", "refused"],
      ["413", "", "refused"],
      ["503", "", "refused"],
      ["503", "503", "failed"],
      ["502", "502", "failed"],
      ["504", "", "failed"],
      ["500", "", "failed"],
    ] as const;
    for (const [status, upstream_status, outcome] of cases) {
      const { doors } = counted(lines({ status, upstream_status, door: "backend" }));
      assert.deepEqual(
        doors.map(({ name, outcomes }) => [name, outcomes[outcome]]),
        [
          ["kms", 0],
          ["backend", 1],
        ],
        `${status} ${upstream_status}`,
      );
    }
  });

  it("counts refusals by door and cause, and by address, the most first", () => {
    const no = { upstream_status: "" };
    const { refusals, addresses } = counted(
      lines(
        { ...no, status: "401", remote: "192.0.2.7" },
        { ...no, status: "403", remote: "192.0.2.9" },
        { ...no, status: "401", remote: "192.0.2.9" },
        { ...no, status: "421", remote: "192.0.2.9", door: "" },
        { status: "200", remote: "192.0.2.1" },
      ),
    );
    assert.deepEqual(refusals, [
      { door: "kms", status: 401, count: 2 },
      { door: "kms", status: 403, count: 1 },
      { door: "other", status: 421, count: 1 },
    ]);
    assert.deepEqual(addresses, [
      { address: "192.0.2.9", refused: 3 },
      { address: "192.0.2.7", refused: 1 },
    ]);
  });

  it("keeps no name that the stack doesn't know, since it may be a mistyped password", () => {
    const traffic = counted(
      lines({ user: "ann" }, { user: "ann" }, { user: "hunter2" }, { user: "__proto__" }),
    );
    assert.deepEqual(traffic.requestsBy, { ann: 2 });
    assert.doesNotMatch(JSON.stringify(traffic), /hunter2|__proto__/);
  });

  it("counts no request of a user that was refused: anybody can claim a name", () => {
    const { requestsBy } = counted(lines({ user: "ann", status: "401", upstream_status: "" }));
    assert.deepEqual(requestsBy, {});
  });

  it("has the times in which half and nearly all were answered, of each door", () => {
    const answers = Array.from({ length: 100 }, (_, index) => ({ seconds: (index + 1) / 100 }));
    const [kms, backend] = counted(lines(...answers, { status: "502", seconds: 300 })).doors;
    assert.deepEqual([kms?.median, kms?.most], [0.5, 0.95]);
    assert.deepEqual([backend?.median, backend?.most], [undefined, undefined]);
  });

  it("passes over what is no line of the access log", () => {
    const { minutes } = counted([
      ...["", "x", "null", "[]", '"door"', "{}", '{"door":1,"status":2}'],
      ...["2026/11/28 06:05:00 [info] 1#1: *1 SSL_do_handshake() failed", '{"door":"kms","sta'],
      logLine({ time: "yesterday" }),
    ]);
    assert.ok(minutes.every(({ outcomes }) => outcomes.answered + outcomes.failed === 0));
  });

  it("says between which times it read if the log has more", () => {
    const times = ["2026-11-28T05:40:00+00:00", "2026-11-28T05:50:30+00:00"];
    const some = lines(...times.map((time) => ({ time })));
    assert.equal(counted(some).cut, undefined);
    assert.deepEqual(counted(some, true).cut, {
      from: new Date("2026-11-28T05:40:00Z"),
      to: new Date("2026-11-28T05:50:30Z"),
    });
  });

  it("takes bounded memory for callers from everywhere", () => {
    const count = new TrafficCount(NOW, ["kms"], []);
    for (let index = 0; index < 12_000; index++) {
      count.add(logLine({ remote: `host-${index}`, status: "401", upstream_status: "" }));
    }
    assert.deepEqual(count.result(false).addresses[0], { address: "other", refused: 2000 });
  });
});
