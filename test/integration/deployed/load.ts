import assert from "node:assert/strict";
import { it } from "node:test";
import { countRecords, type Outcome, slowPosts } from "../slowPosts.ts";
import { docker } from "../project.ts";
import { type Deployed, ROLES } from "./deployed.ts";

/** The largest record that the demo's database takes. */
const LARGEST = 16 * 2 ** 20 - 2048;

/** As many large records at once as two collectors send, and as many small ones as a hundred callers. */
export function load(the: () => Deployed): void {
  const target = () => {
    const { user, password } = the().user("collector");
    return {
      url: `${the().url("backend")}/add/enc-data`,
      ca: the().outputs.serverCa,
      auth: `${user}:${password}`,
    };
  };

  it("takes the records of 100 callers at once", async () => {
    const before = await count(the());
    const outcomes = await slowPosts(100, { ...target(), bytes: 15_000, seconds: 0 });
    assert.deepEqual(tally(outcomes), { "201 ": 100 });
    assert.equal(await count(the()), before + 100);
    assertNothingKilled(the());
  });

  // Last, and not counted: the demo's database reads every record for that.
  it("takes 20 slow records of 16 MiB at once, with a length and in chunks", async (test) => {
    const post = { ...target(), bytes: LARGEST, seconds: 4 };
    const outcomes = (
      await Promise.all([slowPosts(10, post), slowPosts(10, { ...post, chunked: true })])
    ).flat();
    assert.deepEqual(tally(outcomes), { "201 ": 20 });
    assertNothingKilled(the());
    test.diagnostic(`the slowest took ${Math.max(...outcomes.map((o) => o.seconds)).toFixed(1)} s`);
  });
}

const count = (the: Deployed) => countRecords((path, body) => the.call("backend", path, { body }));

/** How many of each answer, with the refusals' own words. */
export function tally(outcomes: readonly Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status, text } of outcomes) {
    const key = `${status} ${text.replace(/,"request":"\w+"/, "")}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

/** No process in any container was killed for want of memory, nor not started for want of a number. */
export function assertNothingKilled(the: Deployed): void {
  for (const role of ROLES) {
    const name = `cybexp-${the.project.stack}-${role}`;
    const [oomKilled, restarts] = docker(
      "inspect",
      "--format={{.State.OOMKilled}} {{.RestartCount}}",
      name,
    ).split(" ");
    // Of either version of control groups.
    const counters = docker(
      ...["exec", name, "sh", "-c"],
      "cat /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control " +
        "/sys/fs/cgroup/pids.events /sys/fs/cgroup/pids/pids.events 2>/dev/null || :",
    );
    const killed = /^oom_kill (\d+)$/m.exec(counters)?.[1];
    const refused = /^max (\d+)$/m.exec(counters.slice(counters.lastIndexOf("\nmax")))?.[1];
    assert.deepEqual([role, oomKilled, restarts, killed, refused], [role, "false", "0", "0", "0"]);
  }
}
