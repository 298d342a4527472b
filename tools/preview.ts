import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { announceEnds } from "./ends.ts";
import { UserError } from "./lib/errors.ts";
import { renderComment } from "./preview/comment.ts";
import { runPreview } from "./preview/run.ts";
import { maskOf, secretsIn, secretsOfConfig, type ShownConfig } from "./preview/secrets.ts";
import { failedSummary, type PreviewSummary, summarize } from "./preview/summary.ts";
import { renderTerminal } from "./preview/terminal.ts";
import { recover } from "./recover.ts";
import { announceRotation } from "./rotation.ts";
import { openSession, type Session } from "./session.ts";
import { stackFile, stackName } from "./stack.ts";
import { settingsToDeploy } from "./stateGuard.ts";
import { comparison, ensureStack } from "./up.ts";

export interface PreviewOptions {
  /** Whether Pulumi's own diff follows the summary. */
  readonly diff?: boolean;
  /** The file that gets the summary as Markdown. */
  readonly comment?: string;
}

/** `npm run preview`: what `up` would do, without doing it, in a few lines. */
export async function preview(
  args: readonly string[],
  { diff = false, comment }: PreviewOptions,
): Promise<void> {
  const report = (summary: PreviewSummary) => {
    if (comment !== undefined) {
      writeComment(comment, [summary]);
    }
  };
  try {
    const { session, flags } = await prepare();
    if (args.includes("--json")) {
      // Pulumi's own, for programs.
      process.exitCode = await session.pulumi(["preview", ...flags, ...args]);
      return;
    }
    const run = await runPreview((...run) => session.capture(...run), [...flags, ...args]);
    const mask = maskOf(await secretsOf(session));
    const summary = summarize({ environment: session.stack, ...run, mask });
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

async function prepare(): Promise<{ session: Session; flags: string[] }> {
  const settings = settingsToDeploy(stackName());
  const session = await openSession({ images: true, changes: "npm run preview" });
  await ensureStack(session);
  const state = await recover(session);
  announceRotation(state, settings);
  announceEnds(state, settings);
  const flags = [
    "--stack",
    session.stack,
    // The flags of the policy pack go here, and in tools/pullRequest/.
    ...(await comparison(session, state, settings)),
  ];
  return { session, flags };
}

/** What is secret in the stack's state and config. */
async function secretsOf(session: Session): Promise<string[]> {
  const stack = ["--stack", session.stack, "--show-secrets"];
  const [state, config] = [
    await session.ask(["stack", "export", ...stack]),
    await session.ask(["config", "--json", ...stack]),
  ];
  // Who has a password of the operator's own: Pulumi takes the whole list for secret, the file does not.
  const plain = readFileSync(stackFile(session.stack), "utf8");
  return [
    ...secretsIn(JSON.parse(state), plain),
    ...secretsOfConfig(JSON.parse(config) as ShownConfig, plain),
  ];
}

/** Writes the comment's Markdown for this user alone: it goes into a pull request by somebody else. */
export function writeComment(file: string, summaries: readonly PreviewSummary[]): void {
  // npm runs its scripts in the project's folder, wherever it was called.
  const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), file);
  writeFileSync(path, renderComment(summaries), { mode: 0o600 });
  chmodSync(path, 0o600);
}
