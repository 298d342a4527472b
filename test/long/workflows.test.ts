/**
 * The workflows' linters, and a pull request played here: the steps of preview.yml are run as GitHub's
 * runner would, in a clone with a base, a head and the merge of both.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { docker } from "../integration/project.ts";
import { FakeGithub, TOKEN, US } from "../unit/fakeGithub.ts";

interface Step {
  readonly name?: string;
  readonly if?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Ran {
  readonly name: string;
  readonly code: number;
  readonly output: string;
}

const BASE = "main";

/** A repository with a base branch, and what a runner has for one pull request to it. */
class PullRequest {
  readonly root = mkdtempSync(join(tmpdir(), "cybexp-pr-"));
  readonly workspace = join(this.root, "workspace");
  readonly temp = join(this.root, "temp");
  readonly summary = join(this.root, "summary.md");
  /** Of a GitHub that answers. */
  apiUrl = "http://127.0.0.1:1";

  constructor() {
    const origin = join(this.root, "origin.git");
    mkdirSync(this.temp);
    this.#git(this.root, "init", "--quiet", "--bare", `--initial-branch=${BASE}`, origin);
    this.#git(this.root, "clone", "--quiet", origin, this.workspace);
    this.#git(this.workspace, "checkout", "--quiet", "-B", BASE);
    const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    for (const file of this.#git(projectRoot, ...list)
      .split("\0")
      .filter(Boolean)) {
      if (existsSync(join(projectRoot, file))) {
        mkdirSync(dirname(join(this.workspace, file)), { recursive: true });
        cpSync(join(projectRoot, file), join(this.workspace, file));
      }
    }
    this.#commit("Base");
    this.#git(this.workspace, "push", "--quiet", "origin", BASE);
    symlinkSync(join(projectRoot, "node_modules"), join(this.workspace, "node_modules"));
  }

  #git(folder: string, ...args: string[]): string {
    const author = ["-c", "user.name=Test", "-c", "user.email=test@example.org"];
    return execFileSync("git", [...author, ...args], {
      cwd: folder,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  }

  #commit(message: string): void {
    this.#git(this.workspace, "add", "--all");
    this.#git(this.workspace, "commit", "--quiet", "--message", message);
  }

  /** Checks out what GitHub does: the merge of a branch that edits one file, while the base goes on. */
  open(branch: string, file: string, edit: (before: string) => string): void {
    this.#git(this.workspace, "checkout", "--quiet", "-B", branch, `origin/${BASE}`);
    const path = join(this.workspace, file);
    const [before, edited] = [readFileSync(path, "utf8"), edit(readFileSync(path, "utf8"))];
    assert.notEqual(edited, before, `${branch} changes ${file}`);
    writeFileSync(path, edited);
    this.#commit(branch);
    this.#git(this.workspace, "checkout", "--quiet", "--detach", `origin/${BASE}`);
    this.#git(this.workspace, "merge", "--quiet", "--no-ff", "--message=Merge", branch);
    for (const left of [this.temp, this.summary]) {
      rmSync(left, { recursive: true, force: true });
    }
    mkdirSync(this.temp);
  }

  /** Runs a job's own commands as the runner does; what is used of others is there already. */
  async play(job: string, filled: Readonly<Record<string, string>> = {}): Promise<Ran[]> {
    const file = join(this.workspace, ".github", "workflows", "preview.yml");
    const { jobs } = parse(readFileSync(file, "utf8")) as {
      jobs: Record<string, { steps: Step[] }>;
    };
    const ran: Ran[] = [];
    for (const step of jobs[job]?.steps ?? assert.fail(job)) {
      assert.ok(["${{ !cancelled() }}", undefined].includes(step.if), step.if);
      const goesOn = step.if !== undefined || ran.every(({ code }) => code === 0);
      if (step.run !== undefined && goesOn) {
        ran.push(await this.#run(step.name ?? "", step.run, fill(step.env ?? {}, filled)));
      }
    }
    return ran;
  }

  async #run(name: string, script: string, env: Record<string, string>): Promise<Ran> {
    const file = join(this.root, "step.sh");
    writeFileSync(file, script);
    const { PATH = "", HOME = "" } = process.env;
    const child = spawn("bash", ["-e", file], {
      cwd: this.workspace,
      env: {
        PATH,
        HOME,
        CI: "true",
        GITHUB_ACTIONS: "true",
        GITHUB_API_URL: this.apiUrl,
        GITHUB_BASE_REF: BASE,
        GITHUB_EVENT_NAME: "pull_request",
        GITHUB_REF: "refs/pull/7/merge",
        GITHUB_REPOSITORY: "owner/name",
        GITHUB_STEP_SUMMARY: this.summary,
        GITHUB_WORKSPACE: this.workspace,
        RUNNER_TEMP: this.temp,
        ...env,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise<number>((resolve) =>
      child.on("close", (code) => resolve(code ?? -1)),
    );
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { name, code: await ended, output: stdout + stderr };
  }

  get comment(): string {
    return readFileSync(join(this.temp, "comment.md"), "utf8");
  }

  remove(): void {
    rmSync(this.root, { recursive: true });
  }
}

/** Fills in what a step's variables ask of GitHub. */
function fill(
  env: Readonly<Record<string, string>>,
  values: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [
      name,
      value.replace(/\$\{\{ (.*?) \}\}/g, (_, key: string) => values[key] ?? assert.fail(key)),
    ]),
  );
}

function assertWorked(ran: readonly Ran[], ...names: string[]): void {
  assert.deepEqual(
    ran.map(({ name, code }) => `${name}: ${code}`),
    names.map((name) => `${name}: 0`),
    ran.map(({ output }) => output).join("\n"),
  );
}

/** What Docker has of stacks, this project's demo images aside. */
const things = () =>
  ["container ls --all", "network ls", "volume ls"].map((list) =>
    docker(...list.split(" "), "--quiet", "--filter=label=cybexp.deployment")
      .split("\n")
      .sort(),
  );

const PREVIEW = "Preview each environment's change, with the policy pack";
const SUMMARY = "Show the summary";

describe("a pull request", () => {
  let pr: PullRequest;
  before(() => (pr = new PullRequest()));
  after(() => pr.remove());

  it("that gives a user a new password and removes another user gets one comment that says so", async () => {
    const before = things();
    pr.open("rotate", "Pulumi.dev.yaml", (file) =>
      file.replace(
        /- name: collector\n +- name: analyst\n +attributes: \[default\]/,
        "- name: collector\n      generation: 2",
      ),
    );
    assertWorked(await pr.play("preview"), PREVIEW, SUMMARY);
    assert.match(pr.comment, /^<!-- cybexp-preview -->\n/);
    assert.match(pr.comment, /^## dev: /m);
    assert.match(pr.comment, /Compared with origin\/main at [0-9a-f]{7}, deployed with throw-away/);
    assert.match(pr.comment, /collector/);
    assert.match(pr.comment, /analyst/);
    assert.equal(readFileSync(pr.summary, "utf8"), pr.comment);
    // Nothing is left of the base that was deployed for it.
    assert.deepEqual(things(), before);

    const fake = await FakeGithub.start();
    const post = () => {
      mkdirSync(join(pr.temp, "comment"), { recursive: true });
      cpSync(join(pr.temp, "comment.md"), join(pr.temp, "comment", "comment.md"));
      return pr.play("comment", {
        "github.token": TOKEN,
        "github.event.pull_request.number": "7",
        "github.event.pull_request.head.sha": "a".repeat(40),
      });
    };
    try {
      pr.apiUrl = fake.url;
      fake.add("somebody", "<!-- cybexp-preview -->");
      for (let i = 0; i < 2; i++) {
        assertWorked(await post(), "Write or edit the comment");
      }
      assert.deepEqual(
        fake.entries.map(({ user, body }) => [user?.login, body]),
        [
          ["somebody", "<!-- cybexp-preview -->"],
          [US, fake.entries[1]?.body],
        ],
      );
      assert.match(fake.entries[1]?.body ?? "", /^<!-- cybexp-preview -->\n\n## dev: /);
    } finally {
      fake.stop();
    }
  });

  it("that opens the Backend to the world fails, and the summary says why", async () => {
    pr.open("open", "Pulumi.dev.yaml", (file) =>
      file.replace("bind: 127.0.0.1:5011", "bind: 0.0.0.0:5011"),
    );
    const [preview, summary] = await pr.play("preview");
    assert.deepEqual([preview?.name, preview?.code], [PREVIEW, 1], preview?.output);
    assert.deepEqual([summary?.name, summary?.code], [SUMMARY, 0], summary?.output);
    assert.match(pr.comment, /0\.0\.0\.0:5011/);
    assert.equal(readFileSync(pr.summary, "utf8"), pr.comment);
  });

  it("whose preview can't even begin gets a comment that says so", async () => {
    pr.open("broken", "cli/main.ts", (file) => `syntax error\n${file}`);
    const [preview, summary] = await pr.play("preview");
    assert.deepEqual([preview?.name, preview?.code, summary?.code], [PREVIEW, 1, 0]);
    assert.equal(
      readFileSync(pr.summary, "utf8"),
      "The preview failed before it had a summary: see the log of this run.\n",
    );
  });

  it("is checked, and its workflows are linted", async () => {
    pr.open("good", "README.md", (file) => `${file}\nMore.\n`);
    const ran = await pr.play("check");
    assertWorked(ran, "Types, lint, format, unit tests", "Lint the workflows");
    assert.match(ran[0]?.output ?? "", /^\d+ passed, 0 failed$/m);
    assert.match(ran[1]?.output ?? "", /^4 workflows linted, no problems found$/m);
  });

  it("is stopped by the linters where a workflow lets a stranger's text into a shell", async () => {
    pr.open("unsafe", ".github/workflows/preview.yml", (file) =>
      file.replace(
        "run: npm run lint:workflows",
        'run: |\n          echo "${{ github.event.pull_request.title }}"\n          npm run lint:workflows',
      ),
    );
    const { code, output } = await new Promise<{ code: number; output: string }>((resolve) => {
      const child = spawn("npm", ["run", "-s", "lint:workflows"], {
        cwd: pr.workspace,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      child.stdout.on("data", (part: Buffer) => (output += part.toString()));
      child.stderr.on("data", (part: Buffer) => (output += part.toString()));
      child.on("close", (status) => resolve({ code: status ?? -1, output }));
    });
    assert.equal(code, 1, output);
    assert.match(output, /template-injection/);
    assert.match(
      output,
      /^error: actionlint and zizmor found problems in \.github: fix those that are listed above$/m,
    );
  });
});

describe("the linters", () => {
  it("fail if they can't be installed", async () => {
    const empty = mkdtempSync(join(tmpdir(), "cybexp-no-linters-"));
    const bin = join(empty, "bin");
    mkdirSync(bin);
    symlinkSync(process.execPath, join(bin, "node"));
    const child = spawn(process.execPath, ["cli/main.ts", "lint:workflows"], {
      cwd: projectRoot,
      env: { PATH: bin, HOME: empty, XDG_CACHE_HOME: empty },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const ended = new Promise<number>((resolve) =>
      child.on("close", (code) => resolve(code ?? -1)),
    );
    const output = await text(child.stderr);
    assert.equal(await ended, 1, output);
    assert.match(output, /^error: actionlint 1\.7\.12 can't be installed: /m);
    rmSync(empty, { recursive: true });
  });
});
