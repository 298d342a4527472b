import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import type { DriftReport } from "../../../cli/drift/drift.ts";
import { docker } from "../project.ts";
import { type Deployed, ROLES, run } from "./deployed.ts";

export function drift(the: () => Deployed): void {
  const name = (part: string) => `cybexp-${the().project.stack}-${part}`;
  const none = () => `No drift: ${the().project.stack} is as the last \`up\` left it.\n`;

  it("is none after `up`", async () => {
    const { code, stdout } = await the().npm("drift");
    assert.deepEqual([code, stdout], [0, none()]);
  });

  it("is reported in one line for each thing that was changed by hand, and nothing is touched", async () => {
    const { project } = the();
    const stateOf = async () => (await project.pulumi("stack", "export")).stdout;
    const memory = memoryOf(name("proxy"));
    docker("stop", "--time=1", name("backend"));
    docker("pause", name("kms-db"));
    docker("update", "--memory=300m", "--memory-swap=300m", name("proxy"));
    docker("network", "disconnect", name("kms"), name("proxy"));
    const before = { runs: runs(the()), state: await stateOf() };
    try {
      const file = join(project.dir, "drift.json");
      const { code, stdout } = await the().npm("drift", "--report", file);
      const up = `\`STACK=${project.stack} npm run up\``;
      const found = [
        `container backend is stopped: ${up} starts it`,
        `container proxy was changed (memory is 300, was ${memory}; memorySwap is 300, was ${memory}): ${up} puts it back`,
        `container kms-db: it is paused; ${up} creates it again`,
        `container proxy: it is not on the network ${name("kms")}; ${up} creates it again`,
      ];
      const [title, ...lines] = stdout.trimEnd().split("\n");
      assert.equal(title, `4 things are not as the last \`up\` left ${project.stack}:`);
      assert.deepEqual(lines.sort(), found.map((line) => `- ${line}`).sort());
      assert.equal(code, 2);
      const report = JSON.parse(readFileSync(file, "utf8")) as DriftReport;
      assert.deepEqual(
        { ...report, drift: report.drift.toSorted() },
        { stack: project.stack, drift: found.sort(), due: [] },
      );
      assert.deepEqual({ runs: runs(the()), state: await stateOf() }, before);
    } finally {
      docker("start", name("backend"));
      docker("unpause", name("kms-db"));
      docker("update", `--memory=${memory}m`, `--memory-swap=${memory}m`, name("proxy"));
      docker("network", "connect", name("kms"), name("proxy"));
    }
  });

  it("is none once it is put back by hand", async () => {
    const { code, stdout } = await the().npm("drift");
    assert.deepEqual([code, stdout], [0, none()]);
  });
}

const runs = (the: Deployed) => ROLES.map((role) => run(the.containers()[role]));

/** A container's limit, in MiB. */
function memoryOf(container: string): number {
  return Number(docker("inspect", "--format={{.HostConfig.Memory}}", container)) / 1024 ** 2;
}
