/** The workflows, by the rules that keep secrets and tokens out of reach of what a stranger writes. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Concurrency {
  readonly group: string;
  readonly "cancel-in-progress": boolean;
}

interface Job {
  readonly name: string;
  readonly environment?: string;
  readonly if?: string;
  readonly needs?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: Concurrency;
  readonly env?: unknown;
  readonly "timeout-minutes"?: number;
  readonly steps: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: unknown;
  readonly concurrency?: Concurrency;
  readonly env?: unknown;
  readonly jobs: Readonly<Record<string, Job>>;
}

const files = globSync(".github/workflows/*", { cwd: projectRoot }).sort();
const texts = new Map(files.map((file) => [file, readFileSync(join(projectRoot, file), "utf8")]));
const workflows = new Map([...texts].map(([file, text]) => [file, parse(text) as Workflow]));
const jobs = [...workflows].flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([id, job]) => ({ file, id, job, where: `${file}: ${id}` })),
);
const steps = jobs.flatMap(({ where, job }) => job.steps.map((step) => ({ where, job, step })));

/** Those of one workflow. */
const named = (name: string): Workflow =>
  workflows.get(`.github/workflows/${name}.yml`) ?? assert.fail(`there is no workflow ${name}`);
const jobOf = (name: string, id: string): Job => named(name).jobs[id] ?? assert.fail(id);

/** What GitHub fills in of a text. */
const expressions = (text: string): string[] =>
  [...text.matchAll(/\$\{\{(.*?)\}\}/gs)].map(([, inner = ""]) => inner.trim());

/** The secrets, the token that GitHub gives each job among them, that a thing is handed. */
const secretsIn = (thing: unknown): string[] =>
  expressions(JSON.stringify(thing)).filter((text) => /\b(secrets|github\.token)\b/.test(text));

describe("every workflow", () => {
  it("is known to these tests", () => {
    assert.deepEqual(
      files.map((file) => file.replace(".github/workflows/", "")),
      ["deploy.yml", "drift.yml", "preview-real.yml", "preview.yml"],
    );
  });

  it("runs actions by their commit, and says which version that is", () => {
    const lines = [...texts].flatMap(([file, text]) =>
      text.split("\n").flatMap((line) => (/\buses:/.test(line) ? [`${file}: ${line.trim()}`] : [])),
    );
    const pinned = /: (- )?uses: actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
    assert.deepEqual(
      lines.filter((line) => !pinned.test(line)),
      [],
    );
    assert.equal(lines.length, steps.filter(({ step }) => step.uses !== undefined).length);
    // One version of each.
    const versions = new Set(lines.map((line) => line.replace(/^.*uses: /, "")));
    const actions = new Set([...versions].map((version) => version.split("@")[0]));
    assert.equal(versions.size, actions.size, [...versions].join("\n"));
  });

  it("grants nothing but what each job asks for", () => {
    for (const [file, workflow] of workflows) {
      assert.deepEqual(workflow.permissions, {}, file);
    }
    const writing = jobs.map(({ where, job }) => [
      where.replace(".github/workflows/", ""),
      Object.entries(job.permissions ?? assert.fail(where)).flatMap(([scope, access]) =>
        access === "read" ? [] : [`${scope}: ${access}`],
      ),
    ]);
    assert.deepEqual(Object.fromEntries(writing.filter(([, scopes]) => scopes?.length)), {
      "deploy.yml: deploy": ["id-token: write"],
      "drift.yml: look": ["id-token: write"],
      "drift.yml: renew": ["id-token: write"],
      "drift.yml: tell": ["issues: write"],
      "preview-real.yml: preview": ["id-token: write"],
      "preview.yml: comment": ["pull-requests: write"],
    });
  });

  it("is not started by anything that gives a stranger's code the repository's rights", () => {
    const events = [...workflows].map(([file, { on }]) => [
      file.replace(".github/workflows/", ""),
      Object.keys(on),
    ]);
    assert.deepEqual(Object.fromEntries(events), {
      "deploy.yml": ["push", "workflow_dispatch"],
      "drift.yml": ["schedule", "workflow_dispatch"],
      "preview-real.yml": ["workflow_dispatch"],
      "preview.yml": ["pull_request"],
    });
  });

  it("leaves no token behind in the checkout", () => {
    const checkouts = steps.filter(({ step }) => step.uses?.startsWith("actions/checkout@"));
    assert.equal(checkouts.length, jobs.length);
    for (const { where, step } of checkouts) {
      assert.equal(step.with?.["persist-credentials"], false, where);
    }
  });

  it("puts no GitHub expression into a shell's text", () => {
    const filled = steps.flatMap(({ where, step }) =>
      expressions(step.run ?? "").map((text) => `${where}: ${text}`),
    );
    assert.deepEqual(filled, []);
  });

  it("ends each job in time", () => {
    for (const { where, job } of jobs) {
      const minutes = job["timeout-minutes"] ?? assert.fail(where);
      assert.ok(minutes > 0 && minutes <= 60, where);
    }
  });

  it("hands a secret to one step, of a job that an environment guards", () => {
    for (const [file, { env }] of workflows) {
      assert.equal(env, undefined, file);
    }
    for (const { where, job } of jobs) {
      assert.equal(job.env, undefined, where);
      const holders = job.steps.filter((step) => secretsIn(step).length > 0);
      assert.ok(holders.length <= 1, where);
      for (const holder of holders) {
        assert.deepEqual(secretsIn({ ...holder, env: {} }), [], where);
      }
      if (secretsIn(job).some((text) => text !== "github.token")) {
        assert.ok(job.environment, where);
      }
    }
  });

  it("takes nothing from a cache if it has secrets, or a token that writes", () => {
    for (const { where, job } of jobs.filter(({ job }) => secretsIn(job).length > 0)) {
      for (const { uses = "", with: inputs } of job.steps) {
        assert.doesNotMatch(uses, /^actions\/cache@/, where);
        if (uses.startsWith("actions/setup-node@")) {
          assert.deepEqual(
            [inputs?.["cache"], inputs?.["package-manager-cache"]],
            [undefined, false],
            where,
          );
        }
      }
    }
  });

  it("calls only commands and scripts that exist", () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    const runs = steps.flatMap(({ where, step: { run = "" } }) => [{ where, run }]);
    const called = (pattern: RegExp) =>
      runs.flatMap(({ where, run }) =>
        [...run.matchAll(pattern)].map(([, name = ""]) => ({ where, name })),
      );
    const commands = called(/npm run (?:-\S+ )*([\w:-]+)/g);
    assert.deepEqual([...new Set(commands.map(({ name }) => name))].sort(), [
      "check",
      "drift",
      "lint:workflows",
      "preview",
      "pull-request",
      "up",
    ]);
    for (const { where, name } of commands) {
      assert.ok(scripts[name], `${where}: npm run ${name}`);
    }
    for (const { where, name } of called(/(\.github\/scripts\/[\w.-]+)/g)) {
      assert.ok(existsSync(join(projectRoot, name)), `${where}: ${name}`);
    }
  });

  it("gives each command on an environment the same variables and secrets", () => {
    const on = steps.filter(({ step }) => step.run?.includes("on-environment.sh"));
    assert.deepEqual(on.map(({ where }) => where.replace(".github/workflows/", "")).sort(), [
      "deploy.yml: deploy",
      "drift.yml: look",
      "drift.yml: renew",
      "preview-real.yml: preview",
    ]);
    const [first, ...others] = on.map(({ step }) => ({ ...step.env, STACK: "" }));
    for (const other of others) {
      assert.deepEqual(other, first);
    }
    // on-environment.sh takes away those that are not set.
    const script = readFileSync(join(projectRoot, ".github/scripts/on-environment.sh"), "utf8");
    const [, cleared = ""] = /^for name in ([^;]*);/m.exec(script) ?? [];
    const names = Object.keys(first ?? {}).filter((name) => name !== "STACK");
    assert.deepEqual(cleared.split(/[\s\\]+/).sort(), names.sort());
  });
});

describe("a pull request", () => {
  it("stops what an older push of it started", () => {
    assert.deepEqual(named("preview").concurrency, {
      group: "preview-${{ github.event.pull_request.number }}",
      "cancel-in-progress": true,
    });
  });

  it("runs its own code without a secret and without a token that writes", () => {
    for (const id of ["check", "preview"]) {
      const job = jobOf("preview", id);
      assert.deepEqual(job.permissions, { contents: "read" });
      assert.deepEqual(secretsIn(job), []);
    }
  });

  it("is commented by the base branch's script, which installs nothing", () => {
    const { steps } = jobOf("preview", "comment");
    assert.equal(steps[0]?.with?.["ref"], "${{ github.event.pull_request.base.sha }}");
    assert.deepEqual(
      steps.flatMap(({ run }) => run ?? []),
      ['node .github/scripts/comment.mjs "$RUNNER_TEMP/comment/comment.md"'],
    );
  });
});

describe("an environment", () => {
  it("is changed by one run at a time, which no newer one cancels", () => {
    for (const job of [jobOf("deploy", "deploy"), jobOf("drift", "renew")]) {
      assert.deepEqual(job.concurrency, {
        group: "environment-${{ matrix.environment }}",
        "cancel-in-progress": false,
      });
    }
  });

  it("is changed after its own approval, and read after another one or none", () => {
    const environments = jobs.flatMap(({ file, id, job: { environment } }) =>
      environment === undefined
        ? []
        : [[`${file.replace(".github/workflows/", "")}: ${id}`, environment]],
    );
    assert.deepEqual(Object.fromEntries(environments), {
      "deploy.yml: deploy": "${{ matrix.environment }}",
      "drift.yml: look": "${{ matrix.environment }}-drift",
      "drift.yml: renew": "${{ matrix.environment }}",
      "preview-real.yml: preview": "${{ inputs.environment }}-preview",
    });
  });

  it("is what main says, whichever branch somebody starts the workflow on", () => {
    for (const name of ["deploy", "drift"]) {
      assert.equal(jobOf(name, "environments").if, "${{ github.ref == 'refs/heads/main' }}");
      for (const [id, job] of Object.entries(named(name).jobs).slice(1)) {
        assert.ok(job.needs, id);
      }
    }
    assert.deepEqual(named("deploy").on["push"], { branches: ["main"] });
  });

  it("is looked at each day, and not at the full hour, when everybody is", () => {
    const [{ cron }] = named("drift").on["schedule"] as [{ cron: string }];
    assert.match(cron, /^([1-9]|[1-5]\d) \d+ \* \* \*$/);
  });
});
