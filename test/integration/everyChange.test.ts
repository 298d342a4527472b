/** Ten thousand records while everything that serves is restarted, replaced and given another image. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, freePorts, Project, type StackConfig } from "./project.ts";
import { judge, Shippers, storedIn, untilStored } from "./shippers.ts";

const RECORDS = 10_000;
const [PORT = 0] = await freePorts(1);

const collector = {
  image: "cybexp-demo/collector:1",
  user: "collector",
  bind: `127.0.0.1:${PORT}`,
  policy: { default: { abe_pol: "research" }, index: { exact: [{ match: "id" }] } },
};

let project: Project;
const images: string[] = [];
before(async () => {
  project = await Project.create();
  project.configure((config) => {
    config["cybexp:collector"] = [collector];
  });
  await up();
});
after(async () => {
  await project.remove();
  for (const image of images) {
    docker("image", "rm", image);
  }
});

async function up(): Promise<void> {
  const result = await project.npm("up");
  assert.equal(result.code, 0, result.output);
}

/** The same image with another id. */
function another(image: string): string {
  const [, name = ""] = /\/(.+):/.exec(image) ?? [];
  const made = `cybexp-test/${project.stack}-${name}:2`;
  execFileSync("docker", ["build", "--quiet", "--tag", made, "-"], {
    input: `FROM ${image}\nLABEL build=2\n`,
  });
  images.push(made);
  return made;
}

const nameOf = (part: string) => `cybexp-${project.stack}-${part}`;
const idOf = (part: string) => docker("inspect", "--format={{.Id}}", nameOf(part));

type Section = Record<string, unknown>;
const set = (section: string, more: Section) => (config: StackConfig) => {
  config[section] = { ...(config[section] as Section), ...more };
};

/** What an `up` changes, and which containers are other ones afterwards. */
const changes: readonly {
  readonly what: string;
  readonly edit: () => (config: StackConfig) => void;
  readonly replaced: readonly string[];
}[] = [
  {
    what: "the collector's numbers",
    edit: () => (config) => {
      config["cybexp:collector"] = [{ ...collector, config: { max_post_retries: 7 } }];
    },
    replaced: ["collector"],
  },
  {
    what: "the collector's image",
    edit: () => {
      const image = another(collector.image);
      return (config) => {
        config["cybexp:collector"] = [{ ...collector, image, config: { max_post_retries: 7 } }];
      };
    },
    replaced: ["collector"],
  },
  {
    what: "the proxy's limits",
    edit: () => set("cybexp:proxy", { resources: { cpus: 0.7 } }),
    replaced: ["proxy"],
  },
  {
    what: "the proxy's image",
    edit: () => set("cybexp:proxy", { image: another("cybexp-demo/nginx:1") }),
    replaced: ["proxy"],
  },
  {
    what: "the Backend's configuration",
    edit: () =>
      set("cybexp:backend", { config: { add_missing_data_to_response_on_missing_time: true } }),
    replaced: ["backend"],
  },
  {
    what: "the Backend's image",
    edit: () => set("cybexp:backend", { image: another("cybexp-demo/backend:1") }),
    replaced: ["backend"],
  },
  {
    what: "the KMS's image",
    edit: () => set("cybexp:kms", { image: another("cybexp-demo/kms:1") }),
    replaced: ["kms"],
  },
  {
    what: "the databases' image",
    edit: () => set("cybexp:database", { image: another("cybexp-demo/mongo:1") }),
    replaced: ["kms-db", "backend-db"],
  },
];

describe("ten thousand records", { timeout: 2_400_000 }, () => {
  let shippers: Shippers;
  before(() => {
    shippers = new Shippers(PORT, "all", 20).start(10, "waits").start(2, "closes");
  });
  after(() => shippers.stop());

  for (const { what, edit, replaced } of changes) {
    it(`go on while an \`up\` changes ${what}`, async () => {
      const before = replaced.map((part) => idOf(part));
      const taken = shippers.taken.length;
      project.configure(edit());
      await up();
      replaced.forEach((part, index) => assert.notEqual(idOf(part), before[index], part));
      assert.ok(shippers.taken.length > taken);
    });
  }

  for (const part of ["collector", "collector-gate", "proxy"]) {
    it(`go on while the engine restarts ${part}`, () => {
      docker("restart", nameOf(part));
    });
  }

  it("are all stored in the end, each once", async () => {
    for (const end = Date.now() + 1_200_000; shippers.taken.length < RECORDS; await sleep(500)) {
      assert.ok(Date.now() < end, `only ${shippers.taken.length} records were taken`);
    }
    await shippers.stop();
    await untilStored(project.stack, 300);
    assert.equal(shippers.failed, 0);
    assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
  });
});
