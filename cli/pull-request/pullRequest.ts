import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engine, ensureEngine } from "../../machine/engine.ts";
import { UserError } from "../../programs/errors.ts";
import { projectRoot } from "../../machine/paths.ts";
import { INTERRUPTED } from "../../machine/signals.ts";
import { policyFlags } from "../../stack/policyFlags.ts";
import { maskOf, secretsIn } from "../preview/secrets.ts";
import {
  failedSummary,
  type PreviewSummary,
  removedSummary,
  summarize,
} from "../preview/summary.ts";
import { renderTerminal } from "../preview/terminal.ts";
import { enumerate } from "../preview/words.ts";
import { writeComment } from "../preview/preview.ts";
import { type Commit, Repository } from "./checkout.ts";
import { Children } from "./children.ts";
import { declaredLosses } from "./losses.ts";
import { leftOut } from "./rehearsal.ts";
import { BaseDeployment } from "./baseDeployment.ts";
import { announceRotation } from "../../stack/rotation.ts";
import { interpretState } from "../../stack/state.ts";
import { settingsOf } from "../../stack/settings.ts";
import { ensureToolchain, type Toolchain } from "../../machine/toolchain.ts";

export interface PullRequestOptions {
  /** The branch that the change will be merged into, as a Git reference. */
  readonly base: string;
  /** The file that gets the summary as Markdown. */
  readonly comment?: string;
  /** Names of environments, separated by commas. @default all */
  readonly stacks?: string;
}

/**
 * `npm run pull-request`: deploys the base's program and settings here with throw-away secrets and state,
 * previews what is checked out against that, and reports what it would change in each environment.
 */
export async function pullRequest(options: PullRequestOptions): Promise<void> {
  process.umask(0o077);
  const children = new Children();
  // The folder's real path: on macOS, tmpdir() contains a link.
  const folder = mkdtempSync(join(realpathSync(tmpdir()), "cybexp-pull-request-"));
  try {
    const summaries = await rehearseAll(options, folder, children);
    children.check();
    process.stdout.write(summaries.map(renderTerminal).join("\n"));
    if (options.comment !== undefined) {
      writeComment(options.comment, summaries);
    }
    process.exitCode = summaries.some(({ failed }) => failed) ? 1 : 0;
  } catch (error) {
    if (children.interrupted) {
      process.exitCode = INTERRUPTED;
      process.stderr.write("interrupted\n");
      return;
    }
    if (options.comment !== undefined && error instanceof UserError) {
      writeComment(options.comment, [failedSummary("all environments", error.message)]);
    }
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    children.release();
  }
}

/** What all rehearsals share. */
interface Shared {
  readonly folder: string;
  readonly base: Commit;
  readonly sides: { readonly base: string; readonly head: string };
  readonly engine: Engine;
  readonly toolchain: Toolchain;
  readonly children: Children;
}

async function rehearseAll(
  { base: ref, stacks }: PullRequestOptions,
  folder: string,
  children: Children,
): Promise<PreviewSummary[]> {
  const repository = new Repository(projectRoot);
  const base = await repository.findBase(ref);
  const sides = { base: join(folder, "base"), head: join(folder, "head") };
  await repository.extract(base, sides.base);
  await repository.copy(sides.head);
  const touched = await repository.judgesTouched(base);
  const remarks = [
    `Compared with ${base.name}, rehearsed with throw-away secrets.`,
    ...(touched.length > 0
      ? [`LOOK FIRST: the change touches the files that check it: ${enumerate(touched)}.`]
      : []),
  ];
  const toolchain = await ensureToolchain();
  // The rehearsal's engine is this machine's, whatever the settings say.
  const engine = await ensureEngine();
  const summaries: PreviewSummary[] = [];
  for (const name of pick(environmentsOf(Object.values(sides)), stacks)) {
    const shared = { folder, base, sides, engine, toolchain, children };
    summaries.push(await rehearse(name, shared, remarks));
    children.check();
  }
  return summaries;
}

/** The environments that either side has a file for, without examples. */
export function environmentsOf(folders: readonly string[]): string[] {
  const names = folders
    .flatMap((folder) => readdirSync(folder))
    .flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((name) => !/(^|\.)example$/.test(name));
  return [...new Set(names)].sort();
}

function pick(names: readonly string[], stacks: string | undefined): readonly string[] {
  if (stacks === undefined) {
    return names;
  }
  const wanted = stacks.split(",").map((name) => name.trim());
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new UserError(
      `--stacks: there is no environment ${unknown.join(", ")} (Pulumi.<name>.yaml) in the base or in what is checked out; choose from ${names.join(", ")}`,
    );
  }
  return wanted;
}

/** Rehearses one environment: what the change does to it, or why that is unknown. */
async function rehearse(
  name: string,
  shared: Shared,
  remarks: readonly string[],
): Promise<PreviewSummary> {
  const { sides, folder } = shared;
  const [base, head] = [sides.base, sides.head].map((side) => {
    const file = join(side, `Pulumi.${name}.yaml`);
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  });
  if (head === undefined) {
    return removedSummary(name, remarks);
  }
  try {
    const own = join(folder, `rehearsal-${name}`);
    mkdirSync(own);
    return await preview(name, shared, { base, head }, { folder: own, remarks });
  } catch (error) {
    if (error instanceof UserError && !shared.children.interrupted) {
      return failedSummary(name, error.message, remarks);
    }
    throw error;
  }
}

async function preview(
  name: string,
  { sides, engine, toolchain, children }: Shared,
  files: { readonly base: string | undefined; readonly head: string },
  { folder, remarks }: { readonly folder: string; readonly remarks: readonly string[] },
): Promise<PreviewSummary> {
  // Check the environment's own values, because production allows less than a rehearsal.
  const { known: settings } = settingsOf(name);
  const deployment = await BaseDeployment.prepare({
    name,
    folder,
    sides,
    files,
    engine,
    toolchain,
    children,
  });
  try {
    let secrets: string[] = [];
    if (files.base !== undefined) {
      await deployment.deploy();
      const state = await deployment.exportState();
      if (settings !== undefined) {
        announceRotation(interpretState(state as Parameters<typeof interpretState>[0]), settings);
      }
      secrets = secretsIn(state, files.base + files.head);
    }
    const run = await deployment.previewHead(policyFlags(name, sides.head));
    return summarize({
      environment: name,
      ...run,
      remarks: [...remarks, ...remarksOn(name, files, deployment)],
      losses: files.base === undefined ? [] : declaredLosses(files.base, files.head),
      mask: maskOf(secrets),
    });
  } finally {
    await deployment.remove();
  }
}

/** What a reader must know about this rehearsal. */
function remarksOn(
  name: string,
  { base, head }: { readonly base: string | undefined; readonly head: string },
  { missing }: BaseDeployment,
): string[] {
  const out = base === undefined ? [] : leftOut(base, head);
  return [
    ...(base === undefined ? [`${name} is a new environment: everything is created.`] : []),
    ...(out.length > 0
      ? [`LOOK AT Pulumi.${name}.yaml: the rehearsal leaves out its changes to ${enumerate(out)}.`]
      : []),
    ...(missing.length > 0
      ? [
          `Demo images stand in for those of ${enumerate(missing.map(({ key }) => key))}, which can't be pulled here.`,
        ]
      : []),
  ];
}
