/** A container whose published address is missing when Docker starts it, as after a reboot, and the unit against it. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ContainerFacts, illnesses } from "../../cli/doctor/containers.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { projectRoot } from "../../machine/paths.ts";
import { docker, freePorts } from "./project.ts";

const UNIT = join(projectRoot, "examples", "late-address", "cybexp-late-address.service");
const IMAGE = "cybexp-demo/nginx:1";
/** Of the network for benchmarks (RFC 2544), which nobody has. */
const ADDRESS = `198.18.${randomInt(1, 255)}.${randomInt(1, 255)}`;
const NAME = `cybexp-test-late-${process.pid}`;

/** What the unit runs, as systemd reads it. */
function command(): string[] {
  const text = readFileSync(UNIT, "utf8").replaceAll("\\\n", " ");
  const [, line = ""] = /^ExecStart=(.*)$/m.exec(text) ?? [];
  const [, program = "", option = "", script = ""] = /^(\S+) (-c) '([^'$%\\]*)'$/.exec(line) ?? [];
  assert.ok(script, `no command that needs no more than this: ${line}`);
  return [program, option, script];
}

function runUnit(): number | null {
  const [program = "", ...args] = command();
  return spawnSync(program, args, { encoding: "utf8" }).status;
}

/** On the engine's machine, which need not be this one. */
function address(change: "add" | "del"): void {
  const as = ["--rm", "--network=host", "--user=0:0", "--cap-add=NET_ADMIN"];
  const ip = ["--entrypoint=ip", IMAGE, "addr", change, `${ADDRESS}/32`, "dev", "lo"];
  docker("run", ...as, ...ip);
}

const isRunning = () => docker("inspect", "--format={{.State.Running}}", NAME) === "true";

describe("an address that is not there yet", () => {
  before(async () => {
    const [port] = await freePorts(1);
    address("add");
    try {
      docker(
        ...["run", "--detach", `--name=${NAME}`, `--label=cybexp.stack=${NAME}`],
        ...["--restart=unless-stopped", `--publish=${ADDRESS}:${port}:80`],
        ...["--entrypoint=sleep", IMAGE, "300"],
      );
    } finally {
      address("del");
    }
    assert.throws(() => docker("restart", "--time=0", NAME), /cannot assign requested address/);
  });
  after(() => docker("rm", "--force", NAME));

  it("is reported by the doctor", async () => {
    const facts = await new Docker().inspect<ContainerFacts>("container", NAME);
    assert.ok(facts);
    assert.match(
      illnesses([NAME], new Map([[NAME, facts]])).get(NAME) ?? "",
      new RegExp(
        `^${NAME} is exited: the engine's machine does not have the address ${ADDRESS.replaceAll(".", "\\.")} `,
      ),
    );
  });

  it("is waited for by the unit, which then starts the container", () => {
    assert.notEqual(runUnit(), 0);
    assert.equal(isRunning(), false);
    address("add");
    try {
      assert.equal(runUnit(), 0);
      assert.equal(isRunning(), true);
      // With nothing to do.
      assert.equal(runUnit(), 0);
    } finally {
      address("del");
    }
  });

  it("leaves alone what was stopped by hand", () => {
    docker("stop", "--time=0", NAME);
    assert.equal(runUnit(), 0);
    assert.equal(isRunning(), false);
  });
});

describe("the unit for addresses that come late", () => {
  it("is valid for systemd, where there is one", () => {
    const verified = spawnSync("systemd-analyze", ["verify", UNIT], { encoding: "utf8" });
    if (verified.error === undefined) {
      assert.deepEqual([verified.status, verified.stderr], [0, ""]);
    }
    for (const line of readFileSync(UNIT, "utf8").replaceAll("\\\n", " ").split("\n")) {
      assert.match(line, /^(|#.*|\[(Unit|Service|Install)\]|[A-Z][A-Za-z]+=\S.*)$/);
    }
    assert.equal(execFileSync("sh", ["-n", "-c", command().at(-1) ?? ""]).length, 0);
  });
});
