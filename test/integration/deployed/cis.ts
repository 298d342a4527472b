import assert from "node:assert/strict";
import { it } from "node:test";
import { auditEngine, type Finding } from "../../../cli/doctor/cis/audit.ts";
import { Docker } from "../../../programs/docker/docker.ts";
import {
  type ContainerInfo,
  creation,
  type ImageInfo,
} from "../../../programs/replacement/standIn.ts";
import { taskArguments } from "../../../programs/docker/task.ts";
import { docker } from "../project.ts";
import { type Deployed, ROLES } from "./deployed.ts";

/** The rules of the CIS Docker Benchmark, by what the engine says of each container. */
export function cis(the: () => Deployed): void {
  const engine = new Docker();

  it("every container keeps to every rule, or there is an exception with its reason", async () => {
    const { stack } = the().project;
    const findings = await auditEngine(engine, `cybexp.stack=${stack}`);
    assert.deepEqual(
      findings.filter(({ reason }) => reason === undefined),
      [],
    );
    // It did look at all of them: none is without its restart policy.
    assert.deepEqual(
      rulesOf(findings),
      [...ROLES].map((role) => `5.15 ${role}`),
    );
  });

  it("a stand-in does, too", async () => {
    const { kms } = the().containers();
    const like = await engine.inspect<ContainerInfo>("container", kms.Id);
    const image = await engine.inspect<ImageInfo>("image", kms.Image);
    assert.ok(like && image);
    const findings = await auditOf((label) =>
      creation(like, image, {
        ...{ name: `cybexp-test-cis-${the().project.stack}`, image: kms.Image, files: {} },
        ...{ labels: { ...label, "cybexp.role": "handover" } },
        ...{ network: the().network("kms"), host: "kms-standin", networks: [] },
      }),
    );
    // Its restart policy is set when it is healthy.
    assert.deepEqual(rulesOf(findings), ["4.6 handover", "5.27 handover"]);
  });

  it("tasks do, with all that any of them may", async () => {
    const { proxy } = the().containers();
    const findings = await auditOf((label) => [
      ...[
        "container",
        "create",
        ...Object.entries(label).map(([key, value]) => `--label=${key}=${value}`),
      ],
      ...taskArguments({
        ...{
          image: proxy.Image,
          deployment: "none",
          labels: "cybexp",
          user: "0:0",
          program: "sh",
          args: [],
        },
        volumes: [`${the().network("proxy-release")}:/volume`],
        capabilities: ["CHOWN", "FOWNER", "DAC_OVERRIDE"],
      }),
    ]);
    assert.deepEqual(rulesOf(findings), ["4.1 task", "4.6 task", "5.27 task"]);
  });

  /** Of a container that is made, looked at, and never started. All that it finds must be accepted. */
  async function auditOf(
    create: (label: Record<string, string>) => readonly string[],
  ): Promise<Finding[]> {
    const key = "cybexp.test.cis";
    const id = docker(...create({ [key]: the().project.stack }));
    try {
      const findings = await auditEngine(engine, `${key}=${the().project.stack}`);
      assert.deepEqual(
        findings.filter(({ reason }) => reason === undefined),
        [],
      );
      return findings;
    } finally {
      docker("rm", "--force", "--volumes", id);
    }
  }
}

function rulesOf(findings: readonly Finding[]): string[] {
  return findings.map(({ rule, role }) => `${rule} ${role}`).sort();
}
