/** What `up` does about a database that takes long to start, or can't. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { execa } from "execa";

const made: string[] = [];

/** A container that does this, is started again when it ends, and is healthy once it has made a file. */
async function start(does: string, ...options: string[]): Promise<string> {
  const health = ["--health-cmd=test -e /tmp/ok", "--health-interval=1s", "--health-timeout=2s"];
  const args = ["--detach", "--network=none", "--restart=unless-stopped", "--entrypoint=sh"];
  const { stdout } = await execa("docker", [
    ...["run", ...args, ...health, ...options],
    ...["cybexp-demo/mongo:1", "-c", does],
  ]);
  made.push(stdout);
  return stdout;
}

async function awaited(container: string, limit = 60) {
  const begin = performance.now();
  const { exitCode, stderr } = await execa("node", ["programs/start/await-start.ts"], {
    input: JSON.stringify({ container, limit }),
    reject: false,
  });
  return { exitCode, stderr, seconds: (performance.now() - begin) / 1000 };
}

describe("waiting for a container to start", () => {
  after(() => execa("docker", ["rm", "--force", ...made]));

  it("ends when it is healthy, and reports progress meanwhile", async () => {
    const container = await start("echo replaying the journal; sleep 22; touch /tmp/ok; sleep 600");
    const { exitCode, stderr } = await awaited(container);
    assert.equal(exitCode, 0, stderr);
    assert.match(
      stderr,
      /^waiting for \S+ to start, 1[5-9] s so far; its log ends with: replaying the journal$/,
    );
  });

  for (const [what, does, sentence] of [
    ["lacks AVX", "exit 132", /\(exit code 132: the processor lacks an instruction .* AVX/],
    [
      "has data of another release",
      "echo Wrong mongod version; exit 62",
      /its data is from another release of MongoDB/,
    ],
    [
      "ends again and again",
      "echo why; exit 3",
      /it keeps ending, \d+ times so far \(exit code 3\); its log ends with: why/,
    ],
  ] as const) {
    it(`ends early when it ${what}`, async () => {
      const { exitCode, stderr, seconds } = await awaited(await start(does), 300);
      assert.equal(exitCode, 1);
      assert.match(stderr, /^\S+ can't start; /);
      assert.match(stderr, sentence);
      assert.ok(seconds < 60, `${seconds} s`);
    });
  }

  it("ends when the time is over", async () => {
    const { exitCode, stderr } = await awaited(await start("echo busy; sleep 600"), 3);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /^\S+ was not healthy after [3-9] s; .*its log ends with: busy: see `docker logs /,
    );
  });

  it("ends when it is stopped meanwhile", async () => {
    const container = await start("trap 'exit 0' TERM; sleep 600 & wait");
    const end = awaited(container);
    await execa("docker", ["stop", container]);
    const { exitCode, stderr } = await end;
    assert.equal(exitCode, 1);
    assert.match(stderr, /can't start; it ended \(exit code 0\)/);
  });
});
