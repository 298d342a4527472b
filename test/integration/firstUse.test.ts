/** A fresh `up` is all that it takes: records go in, and two users ask for them, with no command in between. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, freePorts, Project } from "./project.ts";
import { ship } from "./shippers.ts";

/** The attributes of each user, as an operator writes them. */
const USERS = { alice: ["research", "staff"], bob: ["Research"] };

const POLICY = {
  default: { abe_pol: "research" },
  exact: [{ match: "name", abe_pol: "research and staff" }],
  index: { exact: [{ match: "ipv4" }] },
};
const OPEN = { ipv4: "192.0.2.7", hits: 3 };
const NAMED = { ipv4: "192.0.2.7", name: "a person" };

describe("the first use", () => {
  let project: Project;
  let port = 0;
  let folder: string;
  let outputs: { moduleConfig: Record<string, string>; serverCa: string };
  before(async () => {
    project = await Project.create();
    [port = 0] = await freePorts(1);
    folder = mkdtempSync(join(tmpdir(), "cybexp-first-use-"));
    project.configure((config) => {
      config["cybexp:users"] = [
        { name: "collector" },
        ...Object.entries(USERS).map(([name, attributes]) => ({ name, attributes })),
      ];
      config["cybexp:collector"] = [
        {
          ...{ image: "cybexp-demo/collector:1", user: "collector" },
          ...{ bind: `127.0.0.1:${port}`, policy: POLICY },
        },
      ];
    });
    const up = await project.npm("up");
    assert.equal(up.code, 0, up.output);
    for (const record of [OPEN, NAMED]) {
      await ship(port, JSON.stringify(record), "waits");
    }
    outputs = (await project.outputs()) as typeof outputs;
  });
  after(async () => {
    await project.remove();
    rmSync(folder, { recursive: true });
  });

  /** What a user's query module finds of the address, with the config.yaml that the stack has for the user. */
  function find(user: string): unknown[] {
    const [config, ca] = [join(folder, `${user}.yaml`), join(folder, "ca.pem")];
    writeFileSync(config, outputs.moduleConfig[user] ?? "");
    writeFileSync(ca, outputs.serverCa);
    const id = docker(
      ...["run", "--detach", "--network=host", "--tmpfs=/secrets"],
      ...[`--volume=${config}:/config.yaml:ro`, `--volume=${ca}:/ca.pem:ro`],
      ...["--env=REQUESTS_CA_BUNDLE=/ca.pem", "cybexp-demo/query:1", OPEN.ipv4],
    );
    try {
      const code = docker("wait", id);
      assert.equal(code, "0", docker("logs", id));
      const file = join(folder, user);
      docker("cp", `${id}:/output`, file);
      const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
      return lines.map((line) => JSON.parse(line) as unknown);
    } finally {
      docker("rm", "--force", id);
    }
  }

  it("shows each user the records that its attributes open", async () => {
    // A collector answers before the Backend has the record.
    const end = Date.now() + 30_000;
    while (find("alice").length < 2 && Date.now() < end) {
      await sleep(500);
    }
    assert.deepEqual(find("alice"), [OPEN, NAMED]);
    assert.deepEqual(find("bob"), [OPEN]);
  });
});
