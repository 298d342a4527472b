import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VOLUME } from "../../names/types.ts";
import { kmsKeyFiles } from "../../render/kmsConfig.ts";
import { publicKeys } from "../../render/kmsKeys.ts";
import type { Settings } from "../../settings/types.ts";
import { requireReadableData } from "../../stack/databaseSteps.ts";
import { announceEnds } from "../../stack/certificateEnds.ts";
import { asWritten } from "../../machine/paths.ts";
import { UserError } from "../../programs/errors.ts";
import { here, npmRun } from "../../programs/npmRun.ts";
import { policyFlags } from "../../stack/policyFlags.ts";
import { renderComment } from "./comment.ts";
import { runPreview } from "./run.ts";
import { THROWN_AWAY } from "./losses.ts";
import { maskOf, secretsIn, secretsOfConfig, type ShownConfig } from "./secrets.ts";
import { failedSummary, type PreviewSummary, summarize } from "./summary.ts";
import { renderTerminal } from "./terminal.ts";
import { enumerate } from "./words.ts";
import { demosToMake } from "../../machine/images.ts";
import { leftBehind } from "../../stack/leftBehind.ts";
import {
  announceDatabases,
  lookAtExternalDatabases,
  moveToCome,
  requireDatabases,
} from "../../stack/externalDatabases.ts";
import { announceRotation } from "../../stack/rotation.ts";
import {
  type KeptData,
  lookAtKeptData,
  recordedKeys,
  requireKeptData,
} from "../../stack/keptData.ts";
import type { Session } from "../../stack/session.ts";
import { imagesOf, openSession } from "../../stack/openSession.ts";
import { stackFile, stackName } from "../../stack/configFile.ts";
import { readableConfig } from "../../stack/settings.ts";
import { noState, readState, stackExists, type StackState } from "../../stack/state.ts";
import { settingsToDeploy } from "../../stack/productionGuard.ts";
import { comparison, ensureStack, inOrder } from "../up/up.ts";

export interface PreviewOptions {
  /** Whether Pulumi's own diff follows the summary. */
  readonly diff?: boolean;
  /** The file that gets the summary as Markdown. */
  readonly comment?: string;
}

/** `npm run preview`: shows in a few lines what `up` would do. */
export async function preview(
  args: readonly string[],
  { diff = false, comment }: PreviewOptions,
): Promise<void> {
  requireOwnFlags(process.env, diff);
  const report = (summary: PreviewSummary) => {
    if (comment !== undefined) {
      writeComment(comment, [summary]);
    }
  };
  try {
    const { session, flags, ...told } = await prepare();
    if (told.kept.refused.length > 0 && !args.includes("--json")) {
      const summary = refusedSummary(session.stack, told.kept);
      process.stdout.write(renderTerminal(summary));
      report(summary);
      process.exitCode = 1;
      return;
    }
    requireKeptData(told.kept);
    if (told.instead !== undefined) {
      process.stdout.write(told.instead);
      return;
    }
    if (args.includes("--json")) {
      // Pulumi's own output, for programs.
      process.exitCode = await session.pulumi(["preview", ...flags, ...args]);
      return;
    }
    const run = await runPreview((...run) => session.capture(...run), [...flags, ...args]);
    const mask = maskOf(await secretsOf(session, told.state));
    const summary = summarize({
      environment: session.stack,
      ...run,
      remarks: told.remarks,
      notes: told.notes,
      losses: [...told.kept.permitted, ...told.losses],
      running: await runningIn(session),
      mask,
    });
    process.stdout.write(renderTerminal(summary));
    report(summary);
    process.exitCode = summary.failed ? 1 : 0;
    if (diff && summary.errors.length === 0) {
      process.stdout.write("\n");
      await session.pulumi(["preview", ...flags, ...args, "--diff"]);
    }
  } catch (error) {
    if (error instanceof UserError) {
      report(failedSummary(stackName(), error.message));
    }
    throw error;
  }
}

interface Prepared {
  readonly session: Session;
  /** Before the change. */
  readonly state: StackState;
  /** The flags of `pulumi preview`. */
  readonly flags: readonly string[];
  readonly kept: KeptData;
  readonly losses: readonly string[];
  readonly remarks: readonly string[];
  readonly notes: readonly string[];
  /** What is said in place of a preview that Pulumi can't make. */
  readonly instead?: string;
}

async function prepare(): Promise<Prepared> {
  const found = settingsToDeploy(stackName());
  const opened = await openSession({ images: false, looks: true });
  const exists = await stackExists(opened);
  const state = exists ? await readState(opened) : noState();
  const session = exists ? opened : inStateOfItsOwn(opened);
  const left = await leftBehind(session, state, session.rest);
  if (left !== undefined) {
    process.stderr.write(`- ${left}\n`);
  }
  if (!exists) {
    await ensureStack(session);
  }
  const settings = await found.read(session);
  const remarks = await imageRemarks(session);
  const kept = await lookAtKeptData(session, state, settings);
  if (kept.refused.length > 0) {
    return { session, state, flags: [], kept, losses: [], remarks, notes: [] };
  }
  const [databases] = await inOrder(
    lookAtExternalDatabases(session, state, settings).then(requireDatabases),
    requireReadableData(session, state, settings),
  );
  announceRotation(state, settings);
  announceEnds(state, settings);
  announceDatabases(databases);
  if (databases.leaving.length > 0) {
    return {
      session,
      state,
      flags: [],
      kept,
      losses: [],
      remarks,
      notes: [],
      instead: moveToCome(databases),
    };
  }
  const flags = [
    "--stack",
    session.stack,
    ...policyFlags(session.stack),
    ...(await comparison(session, state, settings, { more: databases.drift })),
  ];
  const wasKept = state.resources.some(({ type, protect }) => type === VOLUME && protect === true);
  return {
    session,
    state,
    flags,
    kept,
    losses: settings.throwaway && wasKept ? [THROWN_AWAY] : [],
    remarks,
    notes: keyNotes(state, settings),
  };
}

/** The fingerprints of the KMS's public keys, for comparison with those that a reader knows. */
function keyNotes(state: StackState, { kms }: Settings): string[] {
  const record = recordedKeys(state);
  const keys = record === undefined ? {} : publicKeys(record, kmsKeyFiles(kms.config));
  return Object.entries(keys).map(
    ([file, fingerprint]) => `the KMS's public key ${file} has the SHA-256 ${fingerprint}`,
  );
}

/** Previews a new stack with a temporary state, because a preview must not create the real one. */
function inStateOfItsOwn(session: Session): Session {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-preview-"));
  const file = stackFile(session.stack);
  const text = readFileSync(file, "utf8");
  process.once("exit", () => {
    rmSync(folder, { recursive: true, force: true });
    // Pulumi writes settings of that state into it, such as a key for its secrets.
    if (readFileSync(file, "utf8") !== text) {
      writeFileSync(file, text);
    }
  });
  return session.inBackend(`file://${folder}?metadata=skip`);
}

/** What `up` would do first with demo images, which a preview does not do. */
async function imageRemarks(session: Session): Promise<string[]> {
  const { engine, stack } = session;
  const config = await readableConfig(stack, session);
  const { missing, stale } = await demosToMake(engine, imagesOf(config));
  if (missing.length > 0) {
    throw new UserError(
      `the engine has no ${enumerate(missing)}, and a preview does not make images: run \`${npmRun("images", stack)}\` first (\`${npmRun("up", stack)}\` does so by itself)`,
    );
  }
  return stale.length === 0
    ? []
    : [
        `\`up\` first rebuilds ${enumerate(stale)}, because the image's files have changed, and replaces the containers: ` +
          `this preview does not show that. \`${npmRun("images", stack)}\` rebuilds the image now.`,
      ];
}

/** The summary of a stack whose data differs from what its state recorded. */
function refusedSummary(stack: string, { refused }: KeptData): PreviewSummary {
  const error = `\`up\` does nothing until this is fixed`;
  return failedSummary(stack, error, [], refused);
}

/** The names of the stack's running containers. */
async function runningIn({ docker, stack }: Session): Promise<ReadonlySet<string>> {
  const filter = `label=cybexp.stack=${stack}`;
  const names = await docker.run(["container", "ls", "--filter", filter, "--format={{.Names}}"]);
  return new Set(names.split("\n"));
}

/** The secrets in the stack's state and config. */
async function secretsOf(session: Session, { inClear }: StackState): Promise<string[]> {
  const [resources, config] = await Promise.all([
    inClear(),
    session.ask(["config", "--json", "--stack", session.stack, "--show-secrets"]),
  ]);
  // If a user's password is encrypted, Pulumi treats the whole list as secret, but the file shows the rest.
  const plain = readFileSync(stackFile(session.stack), "utf8");
  return [
    ...secretsIn(resources, plain),
    ...secretsOfConfig(JSON.parse(config) as ShownConfig, plain),
  ];
}

/** Writes the comment's Markdown, readable only by this user. Another program posts it. */
export function writeComment(file: string, summaries: readonly PreviewSummary[]): void {
  const path = asWritten(file);
  writeFileSync(path, renderComment(summaries), { mode: 0o600 });
  chmodSync(path, 0o600);
}

/**
 * Notices `npm run preview --diff`: npm takes the flag as its own and does not pass it on.
 *
 * @throws UserError that says what to type
 */
export function requireOwnFlags(env: NodeJS.ProcessEnv, diff: boolean): void {
  if (env["npm_config_diff"] !== undefined && !diff) {
    throw new UserError(`npm does not pass --diff on: type \`${here("preview -- --diff")}\``);
  }
}
