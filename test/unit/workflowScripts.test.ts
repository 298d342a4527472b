/** The scripts that the workflows run, against a GitHub of the test's own. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { FakeGithub, TOKEN, US } from "./fakeGithub.ts";

const scripts = join(projectRoot, ".github", "scripts");
const MARKER = "<!-- cybexp-preview -->";

let folder: string;
let fake: FakeGithub;
before(() => (folder = mkdtempSync(join(tmpdir(), "cybexp-scripts-"))));
after(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  fake = await FakeGithub.start();
});
afterEach(() => fake.stop());

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program with an environment of its own. */
async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", HOME: folder, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const code = new Promise<number>((resolve) => child.on("close", (value) => resolve(value ?? -1)));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}

const script = (name: string, args: readonly string[], env: Record<string, string> = {}) =>
  run(process.execPath, [join(scripts, name), ...args], {
    GITHUB_API_URL: fake.url,
    GITHUB_REPOSITORY: "owner/name",
    GITHUB_TOKEN: TOKEN,
    ...env,
  });

function write(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

function assertRan(ran: Ran, stdout = ""): void {
  assert.deepEqual(ran, { code: 0, stdout, stderr: "" });
}

function assertFailed(ran: Ran, message: string): void {
  assert.deepEqual(ran, { code: 1, stdout: "", stderr: `error: ${message}\n` });
}

describe("the pull request's comment", () => {
  const SHA = "a".repeat(40);
  const comment = (file: string, env: Record<string, string> = {}) =>
    script("comment.mjs", [file], { PULL_REQUEST: "7", HEAD_SHA: SHA, ...env });

  it("is made once, then edited in place", async () => {
    fake.add("somebody", "nice");
    assertRan(await comment(write("comment.md", "first\n")));
    assertRan(await comment(write("comment.md", `${MARKER}\n\nsecond`)));
    assert.deepEqual(
      fake.entries.map(({ body }) => body),
      ["nice", `${MARKER}\n\nsecond\n\n_Of commit ${SHA}._`],
    );
    assert.deepEqual(fake.calls, [
      "GET issues/7/comments",
      "POST issues/7/comments",
      "GET issues/7/comments",
      "PATCH issues/comments/2",
    ]);
  });

  it("is found on any page", async () => {
    for (let i = 0; i < 250; i++) {
      fake.add("somebody", "nice");
    }
    const own = fake.add(US, `${MARKER}\n\nold`);
    assertRan(await comment(write("comment.md", "new")));
    assert.equal(own.body, `${MARKER}\n\nnew\n\n_Of commit ${SHA}._`);
    assert.equal(fake.entries.length, 251);
  });

  it("is looked for to the end of a last page that is full", async () => {
    for (let i = 0; i < 100; i++) {
      fake.add("somebody", null);
    }
    assertRan(await comment(write("comment.md", "new")));
    assert.equal(fake.entries.length, 101);
  });

  it("is never somebody else's, whatever they wrote into it", async () => {
    const foreign = fake.add("somebody", `${MARKER}\n\nmine`);
    const quoting = fake.add(US, `> ${MARKER}`);
    const ghost = fake.add(US, `${MARKER}`, { user: null });
    assertRan(await comment(write("comment.md", "ours")));
    assert.deepEqual(
      [foreign.body, quoting.body, ghost.body],
      [`${MARKER}\n\nmine`, `> ${MARKER}`, MARKER],
    );
    assert.equal(fake.entries.length, 4);
  });

  it("is cut to GitHub's limit, between characters", async () => {
    assertRan(await comment(write("comment.md", `${"x".repeat(65_399)}😀${"y".repeat(9)}`)));
    const body = fake.entries[0]?.body ?? "";
    assert.equal(
      body,
      `${MARKER}\n\n${"x".repeat(65_399)}\n\n_Cut to GitHub's limit._\n\n_Of commit ${SHA}._`,
    );
    assert.ok(body.length < 65_536);
  });

  it("is only text, whatever it contains", async () => {
    const nasty = "$(touch hacked) `touch hacked` ${{ github.token }} '\"\\ \u0000";
    assertRan(await comment(write("comment.md", nasty), { HEAD_SHA: "x; touch hacked" }));
    assert.equal(fake.entries[0]?.body, `${MARKER}\n\n${nasty}`);
    assert.ok(!existsSync(join(folder, "hacked")));
  });

  it("is made only from a file of limited size", async () => {
    const link = join(folder, "link.md");
    symlinkSync("/etc/passwd", link);
    assertFailed(await comment(link), `${link} is not a file`);
    const none = join(folder, "none.md");
    assertFailed(await comment(none), `${none} is not a file`);
    const big = write("big.md", "x".repeat((1 << 20) + 1));
    assertFailed(await comment(big), `${big} has 1048577 bytes; at most 1048576 are allowed`);
    assert.deepEqual(fake.calls, []);
  });

  it("fails with one line, without the token", async () => {
    const file = write("comment.md", "text");
    assertFailed(
      await comment(file, { GITHUB_TOKEN: "another" }),
      "GitHub answered 401 to GET issues/7/comments?per_page=100&page=1",
    );
    assertFailed(await comment(file, { GITHUB_TOKEN: "" }), "GITHUB_TOKEN is not set");
  });
});

describe("the issue about drift", () => {
  const drift = async (reports: Record<string, [drift: string[], due: string[]]>) => {
    const reportsDir = join(folder, "reports");
    rmSync(reportsDir, { recursive: true, force: true });
    mkdirSync(reportsDir);
    for (const [stack, [drift, due]] of Object.entries(reports)) {
      const report = JSON.stringify({ stack, drift, due });
      writeFileSync(join(reportsDir, `${stack}.json`), report);
    }
    return script("drift.mjs", [reportsDir]);
  };
  const body = (stack: string, ...lines: string[]) =>
    [
      `<!-- cybexp-drift ${stack} -->`,
      "",
      `Not as the last \`up\` left ${stack}:`,
      "",
      ...lines,
      "",
      `Run the workflow \`deploy\` to put it back, or change Pulumi.${stack}.yaml to keep it.`,
    ].join("\n");

  it("is opened, edited, and closed when nothing differs any more", async () => {
    assertRan(await drift({ prod: [["a is gone"], []], test: [[], []] }), "due=[]\n");
    const [issue] = fake.entries;
    assert.deepEqual([issue?.title, issue?.body], ["Drift: prod", body("prod", "- a is gone")]);
    assertRan(await drift({ prod: [["b is gone"], []], test: [[], []] }), "due=[]\n");
    assert.equal(issue?.body, body("prod", "- b is gone"));
    assertRan(await drift({ prod: [[], []], test: [[], []] }), "due=[]\n");
    assert.deepEqual([fake.entries.length, issue?.state], [1, "closed"]);
    // The next time it is another one.
    assertRan(await drift({ prod: [["c is gone"], []] }), "due=[]\n");
    assert.equal(fake.entries.length, 2);
  });

  it("belongs to one environment, and is never somebody else's or a pull request", async () => {
    const marked = "<!-- cybexp-drift prod -->";
    const foreign = fake.add("somebody", marked);
    const pull = fake.add(US, marked, { pull_request: {} });
    const production = fake.add(US, "<!-- cybexp-drift production -->");
    assertRan(await drift({ prod: [["a is gone"], []] }), "due=[]\n");
    assert.deepEqual(
      [foreign.body, pull.body, production.body],
      [marked, marked, "<!-- cybexp-drift production -->"],
    );
    assert.equal(fake.entries[3]?.title, "Drift: prod");
  });

  it("names due renewals, which wait for it", async () => {
    assertRan(
      await drift({ prod: [["a is gone"], ["c ends"]], test: [[], ["d ends"]], lab: [[], []] }),
      'due=["test"]\n',
    );
    assert.deepEqual(
      fake.entries.map((entry) => entry.body),
      [
        body(
          "prod",
          "- a is gone",
          "",
          "Due for renewal, once the above is fixed:",
          "",
          "- c ends",
        ),
      ],
    );
  });
});

describe("the environments", () => {
  it("are the repository's stack files, except the embedded default and the examples", async () => {
    const root = mkdtempSync(join(folder, "root-"));
    for (const name of ["prod", "dev", "prod.example", "eu-1.test"]) {
      writeFileSync(join(root, `Pulumi.${name}.yaml`), "");
    }
    writeFileSync(join(root, "Pulumi.yaml"), "");
    writeFileSync(join(root, "Pulumi.a b.yaml"), "");
    assertRan(await script("environments.mjs", [root]), 'names=["eu-1.test","prod"]\n');
  });
});

describe("a job's identity", () => {
  let asked: string[];
  const identity = async (answer: object, env: Record<string, string> = {}) => {
    asked = [];
    const server = createServer((request, response) => {
      asked.push(`${request.url} ${request.headers.authorization}`);
      response.end(JSON.stringify(answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      return await script("identity.mjs", [folder], {
        ACTIONS_ID_TOKEN_REQUEST_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/id?v=2`,
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "request-token",
        OIDC_AUDIENCE: "sts.example.com",
        ...env,
      });
    } finally {
      server.close();
    }
  };

  it("is a file that this user alone can read", async () => {
    const file = join(folder, "identity-token");
    assertRan(await identity({ value: "the-identity" }), `${file}\n`);
    assert.deepEqual(asked, ["/id?v=2&audience=sts.example.com Bearer request-token"]);
    assert.equal(readFileSync(file, "utf8"), "the-identity");
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it("needs the permission, and an answer", async () => {
    assertFailed(
      await identity({}, { ACTIONS_ID_TOKEN_REQUEST_URL: "" }),
      "this job has no identity: give it the permission `id-token: write`",
    );
    assertFailed(await identity({}), "GitHub gave no identity token (HTTP 200)");
  });
});

describe("a command on an environment", () => {
  const SCRIPT = join(scripts, "on-environment.sh");
  const show = (...names: string[]) => [
    "sh",
    "-c",
    names.map((name) => `echo "${name}=\${${name}-unset}"`).join("; "),
  ];
  const on = (command: readonly string[], env: Record<string, string>) =>
    run(SCRIPT, command, { STACK: "prod", RUNNER_TEMP: folder, ...env });
  before(() => write("Pulumi.prod.yaml", "config:\n  cybexp:throwaway: false\n"));

  it("sees what is set, and doesn't see what isn't as empty", async () => {
    const names = ["PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "AWS_REGION"];
    assertRan(
      await on(show(...names), {
        PULUMI_BACKEND_URL: "s3://state",
        PULUMI_CONFIG_PASSPHRASE: "",
        AWS_REGION: "a b",
      }),
      "PULUMI_BACKEND_URL=s3://state\nPULUMI_CONFIG_PASSPHRASE=unset\nAWS_REGION=a b\n",
    );
  });

  it("has the passphrase in a file for this user alone, and in no variable", async () => {
    const file = join(folder, "passphrase");
    assertRan(
      await on(show("PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"), {
        PULUMI_BACKEND_URL: "s3://state",
        PULUMI_CONFIG_PASSPHRASE: "pass 'phrase\\",
      }),
      `PULUMI_CONFIG_PASSPHRASE=unset\nPULUMI_CONFIG_PASSPHRASE_FILE=${file}\n`,
    );
    assert.equal(readFileSync(file, "utf8"), "pass 'phrase\\");
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  it("is told to stop by the job's own signal", async () => {
    const child = spawn(
      SCRIPT,
      ["sh", "-c", "trap 'echo stopping; exit 3' INT; echo; sleep 9 & wait"],
      {
        cwd: folder,
        env: {
          ...process.env,
          STACK: "prod",
          RUNNER_TEMP: folder,
          PULUMI_BACKEND_URL: "s3://state",
        },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const code = new Promise((resolve) => child.on("close", resolve));
    child.stdout.once("data", () => child.kill("SIGINT"));
    assert.equal(await text(child.stdout), "\nstopping\n");
    assert.equal(await code, 3);
  });

  it("passes its exit code on", async () => {
    const { code } = await on(["sh", "-c", "exit 2"], { PULUMI_BACKEND_URL: "s3://state" });
    assert.equal(code, 2);
  });

  it("is refused if the state would be lost with the runner", async () => {
    assertFailed(
      await on(["true"], { PULUMI_BACKEND_URL: "" }),
      "the state of prod would be lost with this runner: set cybexp:state in Pulumi.prod.yaml, or the variable PULUMI_BACKEND_URL of the environment",
    );
    write("Pulumi.kept.yaml", "config:\n  cybexp:state:\n    backend: s3://state\n");
    assertRan(await on(["true"], { STACK: "kept" }));
  });
});
