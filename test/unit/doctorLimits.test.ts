/** What the doctor says of limits that were hit. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type LimitFacts, limitFindings, refusalsIn } from "../../cli/doctor/limits.ts";
import { parseEvents } from "../../programs/limits/limitEvents.ts";

const NONE = { largeBodies: 0, requests: {} };
const well: LimitFacts = {
  name: "cybexp-dev-backend",
  role: "backend",
  memory: 768,
  pids: 1984,
  oomKilled: false,
  events: { oomKills: 0, refusedProcesses: 0 },
};
const said = (changes: Partial<LimitFacts>, refusals: Parameters<typeof limitFindings>[1] = NONE) =>
  limitFindings([{ ...well, ...changes }], refusals).map(({ level, text }) => `${level}: ${text}`);

describe("limits", () => {
  it("that were not reached are reported as such", () => {
    assert.deepEqual(said({}), ["good: none was hit"]);
    assert.deepEqual(said({ events: undefined }), ["good: none was hit"]);
  });

  it("of memory name the container, its limit and the key, even if only a child was killed", () => {
    assert.deepEqual(said({ oomKilled: true }), [
      "note: cybexp-dev-backend exceeded its 768 MiB of memory and was killed: raise cybexp:backend.resources.memory",
    ]);
    assert.deepEqual(
      said({
        name: "cybexp-dev-backend-db",
        role: "backend-db",
        events: { oomKills: 2, refusedProcesses: 0 },
      }),
      [
        "note: cybexp-dev-backend-db exceeded its 768 MiB of memory and was killed (2 processes since it was started): raise cybexp:database.resources.backend.memory",
      ],
    );
  });

  it("of processes likewise", () => {
    assert.deepEqual(said({ events: { oomKills: 0, refusedProcesses: 1 } }), [
      "note: cybexp-dev-backend reached its limit of 1984 processes and threads (1 time since it was started): raise cybexp:backend.resources.pids",
    ]);
  });

  it("of room at the proxy say what it refused", () => {
    const log = [
      '{"door":"backend","status":"503","refused":"large bodies"}',
      '{"door":"backend","status":"201","refused":""}',
      '{"door":"kms","status":"503","refused":"requests"}',
      '{"door":"kapow","status":"503","refused":"requests"}',
      '{"door":"kms","status":"503","refused":"requests"}',
    ].join("\n");
    assert.deepEqual(refusalsIn(log), { largeBodies: 1, requests: { kms: 2, kapow: 1 } });
    assert.deepEqual(said({}, refusalsIn(log)), [
      "note: the proxy has refused 1 large body since yesterday, because it had no room for more at once: raise cybexp:proxy.resources.bodies",
      "note: the proxy has refused 2 requests to the kms since yesterday, because too many were running at once: raise cybexp:kms.resources.pids and .memory, and cybexp:database.resources.kms.pids",
      "note: the proxy has refused 1 request to the kapow since yesterday, because too many were running at once: raise cybexp:kapow.resources.pids and .memory",
    ]);
  });
});

describe("a container's control group", () => {
  it("of version 1 tells what it refused", () => {
    const text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\npids\nmax 12\n";
    assert.deepEqual(parseEvents(text), { oomKills: 3, refusedProcesses: 12 });
  });

  it("of version 2 likewise", () => {
    const text = "low 0\nhigh 0\nmax 71\noom 4\noom_kill 1\noom_group_kill 0\npids\nmax 0\n";
    assert.deepEqual(parseEvents(text), { oomKills: 1, refusedProcesses: 0 });
  });

  it("without any information counts as not reached", () => {
    assert.deepEqual(parseEvents("pids\n"), { oomKills: 0, refusedProcesses: 0 });
  });
});
