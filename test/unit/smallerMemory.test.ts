import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explainUpdate } from "../../stack/smallerMemory.ts";

describe("a failed update of a container", () => {
  const engine =
    "Unable to update a container: Error response from daemon: Cannot update container " +
    "a2246bc440739db52f0752ce7ae9c4476d8874d357e9017b38d569ae5bf60493: ";

  it("to less memory than is in use is reported with the remedy", () => {
    for (const words of [
      "runc did not terminate successfully: exit status 1: unable to set memory limit\n: unknown",
      "write /sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes: device or resource busy",
    ]) {
      assert.equal(
        explainUpdate(engine + words),
        "the engine refuses the new limits, because more memory is in use than they allow: `docker restart a2246bc44073` frees it",
      );
    }
  });

  it("for another reason is reported as it is", () => {
    const other = `${engine}Range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available`;
    assert.equal(explainUpdate(other), other);
    assert.equal(explainUpdate("kms: it is not healthy"), "kms: it is not healthy");
  });
});
