import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isWordDue, judgeStart, type StartingContainer } from "../../render/startWatch.ts";
import { meaningsOf } from "../../programs/docker/logWords.ts";

const running: StartingContainer = {
  status: "running",
  healthy: false,
  exitCode: 0,
  outOfMemory: false,
  restarts: 0,
};

describe("a container that has been started", () => {
  const cases: [what: string, container: Partial<StartingContainer>, verdict: string][] = [
    ["is waited for", {}, "starting"],
    ["serves when it is healthy", { healthy: true }, "serves"],
    ["serves, however often it ended before", { healthy: true, restarts: 9 }, "serves"],
    [
      "may end twice, as over a name that is not there yet",
      { restarts: 2, exitCode: 0 },
      "starting",
    ],
    ["may end with a code of its own", { status: "restarting", exitCode: 62 }, "starting"],
    [
      "is given up at its third restart",
      { restarts: 3, status: "restarting", exitCode: 1 },
      "hopeless",
    ],
    ["is given up later where nobody saw how it ends", { restarts: 6 }, "hopeless"],
    ["is not given up before", { restarts: 5 }, "starting"],
    ["is given up when it was stopped", { status: "exited", exitCode: 143 }, "hopeless"],
    ["is given up when it lacks AVX", { status: "restarting", exitCode: 132 }, "hopeless"],
    [
      "is given up when its program is missing",
      { status: "restarting", exitCode: 127 },
      "hopeless",
    ],
    [
      "is given up when it ran out of memory",
      { status: "restarting", exitCode: 137, outOfMemory: true },
      "hopeless",
    ],
    [
      "is started again when it was killed by hand",
      { status: "restarting", exitCode: 137 },
      "starting",
    ],
  ];
  for (const [what, container, verdict] of cases) {
    it(what, () => assert.equal(judgeStart({ ...running, ...container }), verdict));
  }

  it("is reported after 15 seconds, and then every 30", () => {
    assert.deepEqual(
      [[5], [14.9], [15], [20, 5], [50, 29], [50, 30]].map(([start = 0, word]) =>
        isWordDue(start, word),
      ),
      [false, false, true, false, false, true],
    );
  });
});

describe("what a database's log means", () => {
  const cases: [log: string, meaning: RegExp | undefined][] = [
    [
      '{"t":{"$date":"2024-10-01T10:00:00.000+00:00"},"s":"F","c":"CONTROL","id":20573,"ctx":"initandlisten","msg":"Wrong mongod version","attr":{"error":"UPGRADE PROBLEM: Found an invalid featureCompatibilityVersion document (ERROR: Location4926900: Invalid featureCompatibilityVersion document in admin.system.version: { _id: \\"featureCompatibilityVersion\\", version: \\"6.0\\" }"}}',
      /from another release of MongoDB/,
    ],
    [
      "demo mongo: /data/db holds data that is not this program's (WiredTiger): not touched",
      /belongs to another program/,
    ],
    [
      '{"msg":"WiredTiger error","attr":{"error":28,"message":"No space left on device"}}',
      /disk is full/,
    ],
    ['{"msg":"Waiting for connections","attr":{"port":27017}}', undefined],
    ["", undefined],
  ];
  for (const [log, meaning] of cases) {
    it(`${log.slice(0, 30)}...: ${meaning?.source ?? "nothing"}`, () => {
      const meanings = meaningsOf(log);
      assert.equal(meanings.length, meaning ? 1 : 0);
      assert.match(meanings[0] ?? "", meaning ?? /^$/);
    });
  }
});
