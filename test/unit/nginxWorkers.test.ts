import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { oldWorkers } from "../../render/nginxWorkers.ts";

/** As `head` prints it: titles end with a zero byte or more, or as the program was called. */
const printed = (processes: Readonly<Record<number, string>>) =>
  Object.entries(processes)
    .map(([pid, title]) => `==> /proc/${pid}/cmdline <==\n${title}\0\0\0\n`)
    .join("\n");

const master = { 1: "nginx: master process nginx -e stderr -c /release/current/nginx.conf" };
const worker = "nginx: worker process";
const leaving = "nginx: worker process is shutting down";
const before = printed({ ...master, 7: worker, 8: worker, 30: "head\0-n\x001" });

describe("workers from before a reload", () => {
  it("all accept connections while none was told to stop, whatever new ones there are", () => {
    const now = printed({ ...master, 7: worker, 8: worker, 21: worker, 22: worker });
    assert.deepEqual(oldWorkers(before, now), { accepting: ["7", "8"], leaving: [] });
  });

  it("accept none once they report that they are stopping", () => {
    const now = printed({ ...master, 7: leaving, 8: worker, 21: worker });
    assert.deepEqual(oldWorkers(before, now), { accepting: ["8"], leaving: ["7"] });
  });

  it("are ignored once they are gone", () => {
    const now = printed({ ...master, 21: worker, 22: worker });
    assert.deepEqual(oldWorkers(before, now), { accepting: [], leaving: [] });
  });

  it("don't include those that were already stopping, from an earlier reload", () => {
    const earlier = printed({ ...master, 5: leaving, 7: worker });
    const now = printed({ ...master, 5: leaving, 7: leaving, 21: worker });
    assert.deepEqual(oldWorkers(earlier, now), { accepting: [], leaving: ["7"] });
  });

  it("don't include other processes of the container", () => {
    const others = {
      ...master,
      9: "nginx: cache manager process",
      10: "sh\0-c\0nginx: worker process",
    };
    assert.deepEqual(oldWorkers(printed(others), printed(others)), { accepting: [], leaving: [] });
  });

  it("are found even if the text breaks off in a process that ended", () => {
    const now = `==> /proc/7/cmdline <==\n\n${printed({ 8: worker })}`;
    assert.deepEqual(oldWorkers(before, now), { accepting: ["8"], leaving: [] });
    assert.deepEqual(oldWorkers(before, ""), { accepting: [], leaving: [] });
  });
});
