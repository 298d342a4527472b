/**
 * A stack under the load that its limits are made for, with a Backend that is as hungry as the real one:
 * it unpickles each record, has a MongoClient for each request, and as many threads as there are callers.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Deployed } from "../integration/deployed/deployed.ts";
import { assertNothingKilled, tally } from "../integration/deployed/load.ts";
import { docker, Project } from "../integration/project.ts";
import { countRecords, type SlowPost, slowPosts } from "../integration/slowPosts.ts";
import { projectRoot } from "../../machine/paths.ts";

const LARGEST = 16 * 2 ** 20 - 2048;

describe("a stack under load", () => {
  const image = `cybexp-test.invalid/backend:${process.pid}`;
  let the: Deployed;
  before(async () => {
    buildHungry(image);
    the = new Deployed(await Project.create());
    the.project.configure((config) => {
      Object.assign(config["cybexp:backend"] as object, { image });
    });
    await the.up();
  });
  after(async () => {
    await the.project.remove();
    docker("image", "rm", image);
  });

  const post = (changes: Partial<SlowPost>): SlowPost => {
    const { user, password } = the.user("collector");
    return {
      url: `${the.url("backend")}/add/enc-data`,
      ca: the.outputs.serverCa,
      auth: `${user}:${password}`,
      bytes: 15_000,
      seconds: 0,
      ...changes,
    };
  };
  const count = () => countRecords((path, body) => the.call("backend", path, { body }));

  const isTaken = async (number: number, changes: Partial<SlowPost>) => {
    assert.deepEqual(tally(await slowPosts(number, post(changes))), { "201 ": number });
    assertNothingKilled(the);
  };

  it("takes the records of 100, and of 200, callers at once", async () => {
    await isTaken(100, {});
    await isTaken(200, {});
    // Only here: among large records the demo's database takes minutes to count.
    assert.equal(await count(), 300);
  });

  for (const chunked of [false, true]) {
    it(`takes 20 records of 16 MiB that are sent in 10 s, ${chunked ? "in chunks" : "with a length"}`, () =>
      isTaken(20, { bytes: LARGEST, seconds: 10, chunked }));
  }

  it("takes 100 records of 16 MiB at once", () => isTaken(100, { bytes: LARGEST, seconds: 3 }));

  it("takes no record that MongoDB would not", async () => {
    const answers = await slowPosts(1, post({ bytes: 16 * 2 ** 20 + 1 }));
    assert.deepEqual(tally(answers), { "400 ": 1 });
  });

  it("with the least memory, refuses only what has no room, says so, and stores the rest", async () => {
    the.project.configure((config) => {
      Object.assign(config["cybexp:backend"] as object, { resources: { memory: 256 } });
      Object.assign(config["cybexp:proxy"] as object, { resources: { bodies: 340 } });
    });
    // Less than it has in use after that is refused by control groups of version 1.
    docker("restart", `cybexp-${the.project.stack}-backend`);
    await the.up();
    const counts = tally(await slowPosts(30, post({ bytes: LARGEST, seconds: 5 })));
    assert.deepEqual(counts, {
      "201 ": 20,
      '503 {"status":503,"door":"backend","error":"There are as many large bodies under way as there is room for. Send it again in a few seconds."}\n': 10,
    });
    assertNothingKilled(the);
    const { output } = await the.npm("doctor");
    assert.match(
      output,
      /^ {2}! limits +the proxy has refused 10 large bodies since yesterday, .*raise cybexp:proxy\.resources\.bodies$/m,
    );
  });

  it("learns from the doctor what was killed, although the container lives", async () => {
    const name = `cybexp-${the.project.stack}-backend`;
    // What the load left in use would make the service itself the one that is killed.
    docker("restart", name);
    const health = () => docker("inspect", "--format={{.State.Health.Status}}", name);
    for (let tries = 0; tries < 60 && health() !== "healthy"; tries++) {
      await sleep(500);
    }
    assert.throws(() => docker("exec", name, "python3", "-c", "x = 'a' * 10**9"));
    const { output, code } = await the.npm("doctor");
    assert.equal(code, 0, output);
    assert.match(
      output,
      new RegExp(
        `! limits +${name} exceeded its 256 MiB of memory and was killed \\(1 process since it was started\\): raise cybexp:backend\\.resources\\.memory$`,
        "m",
      ),
    );
  });
});

/** The demo's Backend without its kindness. */
function buildHungry(image: string): void {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-test-hungry-"));
  try {
    const kind = readFileSync(join(projectRoot, "images", "backend", "server.py"), "utf8");
    const hungry = [
      ["import hashlib\n", "import hashlib\nimport pickle\n"],
      [
        '        records.insert_one({"index"',
        "        body = pickle.loads(pickle.dumps(body))\n" +
          '        own = pymongo.MongoClient(conf["backed_DB_uri"])\n' +
          '        own[conf["db_name"]][conf["col_name"]].insert_one({"index"',
      ],
      ["MAX_THREADS = 64", "MAX_THREADS = 1_000_000"],
    ].reduce((text, [from = "", to = ""]) => {
      assert.ok(text.includes(from), from);
      return text.replace(from, to);
    }, kind);
    writeFileSync(join(folder, "server.py"), hungry);
    writeFileSync(
      join(folder, "Dockerfile"),
      "FROM cybexp-demo/backend:1\nCOPY server.py /backend-server/server.py\n",
    );
    docker("build", "--quiet", `--tag=${image}`, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
