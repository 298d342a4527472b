/** What the doctor says of limits that were hit. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endedForMemory } from "../../cli/doctor/lookAtLimits.ts";
import { type LimitFacts, limitFindings, RefusalCount } from "../../cli/doctor/limits.ts";
import { parseEvents } from "../../programs/limits/limitEvents.ts";

const NONE = { largeBodies: 0, requests: {}, tooLarge: {} };
const EVENTS = { oomKills: 0, refusedProcesses: 0, zombies: 0 };
const refusalsIn = (lines: readonly string[]) => {
  const count = new RefusalCount();
  lines.forEach((line) => count.add(line));
  return count;
};
const well: LimitFacts = {
  name: "cybexp-dev-backend",
  role: "backend",
  memory: 768,
  pids: 1984,
  oomKilled: false,
  events: EVENTS,
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
        events: { ...EVENTS, oomKills: 2 },
      }),
      [
        "note: cybexp-dev-backend-db exceeded its 768 MiB of memory and was killed (2 processes since it was started): raise cybexp:database.resources.backend.memory",
      ],
    );
  });

  it("of processes likewise", () => {
    assert.deepEqual(said({ events: { ...EVENTS, refusedProcesses: 1 } }), [
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
    ];
    const { largeBodies, requests } = refusalsIn(log);
    assert.deepEqual({ largeBodies, requests }, { largeBodies: 1, requests: { kms: 2, kapow: 1 } });
    assert.deepEqual(said({}, refusalsIn(log)), [
      "note: the proxy has refused 1 large body since yesterday, because it had no room for more at once: raise cybexp:proxy.resources.bodies",
      "note: the proxy has refused 2 requests to the kms since yesterday, because too many were running at once: raise cybexp:kms.resources.pids and .memory, and cybexp:database.resources.kms.pids",
      "note: the proxy has refused 1 request to the kapow since yesterday, because too many were running at once: raise cybexp:kapow.resources.pids and .memory",
    ]);
  });

  it("of a body's size name the door, and leave out what a service itself refused, and nobody in particular sent", () => {
    const line = (door: string, upstream = "", user = "collector") =>
      `{"user":"${user}","door":"${door}","status":"413","refused":"","received":99,"upstream_status":"${upstream}"}`;
    const refusals = refusalsIn([
      ...[line("backend"), line("backend"), line("backend", "413")],
      ...[line("kms"), line("kapow"), line("kms", "", "")],
    ]);
    assert.deepEqual(said({}, refusals), [
      "note: the backend was sent 2 bodies since yesterday that were larger than it takes, and the proxy refused them (413): have the sender split its records, since MongoDB stores no document above 16 MiB",
      "note: the kms was sent 1 body since yesterday that was larger than it takes, and the proxy refused it (413): the KMS is only sent logins and attributes, so find out who sends it anything else",
      "note: the kapow was sent 1 body since yesterday that was larger than it takes, and the proxy refused it (413): have the sender send less at once",
    ]);
  });

  it("of processes tell of many that nobody collects, and not of a few that may be gone at once", () => {
    assert.deepEqual(said({ events: { ...EVENTS, zombies: 9 } }), ["good: none was hit"]);
    assert.deepEqual(said({ events: { ...EVENTS, zombies: 10 } }), [
      "note: cybexp-dev-backend has 10 processes that have ended and that its main process does not collect (zombies), and they count towards its limit of 1984: `docker restart cybexp-dev-backend` clears them",
    ]);
  });
});

describe("a container's control group", () => {
  it("of version 1 tells what it refused", () => {
    const text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\npids\nmax 12\n";
    assert.deepEqual(parseEvents(text), { oomKills: 3, refusedProcesses: 12, zombies: 0 });
  });

  it("of version 2 likewise", () => {
    const text = "low 0\nhigh 0\nmax 71\noom 4\noom_kill 1\noom_group_kill 0\npids\nmax 0\n";
    assert.deepEqual(parseEvents(text), { oomKills: 1, refusedProcesses: 0, zombies: 0 });
  });

  it("without any information counts as not reached", () => {
    assert.deepEqual(parseEvents("pids\n"), EVENTS);
  });

  it("is followed by its processes, of which the zombies count, whatever they are called", () => {
    const stat = (pid: number, name: string, state: string) =>
      `${pid} (${name}) ${state} 1 1 1 0 -1`;
    const processes = [
      ...[stat(1, "mongod", "S"), stat(40, "cat", "Z"), stat(41, "a) Z (b", "S")],
      ...[stat(42, "sh) R 1", "Z"), stat(43, "cat", "R")],
    ].join("\n");
    assert.equal(parseEvents(`pids\nmax 0\nprocesses\n${processes}\n`).zombies, 2);
  });
});

describe("a container that the engine calls killed for memory", () => {
  const ended = (Running: boolean, RestartCount: number, OOMKilled = true) =>
    endedForMemory({ State: { Running, OOMKilled }, RestartCount });

  it("was, if it is down or came back by itself", () => {
    assert.deepEqual(
      [ended(false, 0), ended(true, 1), ended(false, 0, false)],
      [true, true, false],
    );
  });

  it("was not, once somebody has started it again", () => {
    assert.equal(ended(true, 0), false);
  });
});
