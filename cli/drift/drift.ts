import { here } from "../../programs/npmRun.ts";
import { writeFileSync } from "node:fs";
import { findDrift } from "../../stack/drift.ts";
import { findings, type RefreshStep } from "../../stack/driftFindings.ts";
import { announceEnds, dueForRenewal } from "../../stack/certificateEnds.ts";
import { lookAtKeptData } from "../../stack/keptData.ts";
import { leftBehind } from "../../stack/leftBehind.ts";
import { UserError } from "../../programs/errors.ts";
import { upperFirst } from "../preview/words.ts";
import type { Session } from "../../stack/session.ts";
import { openSession } from "../../stack/openSession.ts";
import { stackName } from "../../stack/configFile.ts";
import { settingsOf } from "../../stack/settings.ts";
import { readState, stackExists, type StackState } from "../../stack/state.ts";

/** What `npm run drift` found, as `--report` writes it. */
export interface DriftReport {
  readonly stack: string;
  /** What is not as the last `up` left it; a sentence each. */
  readonly drift: readonly string[];
  /** Certificates that the next `up` renews; a sentence each. */
  readonly due: readonly string[];
}

/** The exit code for "there is drift", beside 0 for none and 1 for a failure. */
const DRIFT = 2;

export interface DriftOptions {
  /** Where the report is written as JSON, too. */
  readonly report?: string;
}

/**
 * `npm run drift`: what differs from what the last `up` made, and which certificates are to be
 * renewed. Changes nothing, neither in Docker nor in the state.
 */
export async function drift({ report: file }: DriftOptions): Promise<void> {
  const found = settingsOf(stackName());
  // Not beside an `up`: what is half done would be taken for drift.
  const session = await openSession({ images: false, looks: true });
  const state = await stateOf(session);
  const settings = await found.read(session);
  announceEnds(state, settings);
  const left = await leftBehind(session, state, session.rest);
  const kept = await lookAtKeptData(session, state, settings);
  const byHand = await findDrift(session, state, settings.proxy.image, { settings });
  const report: DriftReport = {
    stack: session.stack,
    drift: [
      ...[...kept.refused, ...kept.permitted].map(upperFirst),
      ...(left === undefined ? [] : [left]),
      ...findings(await refreshSteps(session), byHand, kept.volumes),
    ],
    due: dueForRenewal(state.resources, new Date()),
  };
  process.stdout.write(lines(report).join("\n") + "\n");
  if (file !== undefined) {
    writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  }
  process.exitCode = report.drift.length > 0 ? DRIFT : 0;
}

/** @throws UserError when nothing is deployed, so that nothing can differ. */
async function stateOf(session: Session): Promise<StackState> {
  const state = (await stackExists(session)) ? await readState(session) : undefined;
  if (state?.deployment === undefined) {
    throw new UserError(
      `nothing of ${session.stack} is deployed, as far as its state tells: ` +
        `\`${here("up")}\` deploys it; if it is deployed, PULUMI_BACKEND_URL names another state`,
    );
  }
  return state;
}

async function refreshSteps(session: Session): Promise<RefreshStep[]> {
  const output = await session.ask([
    "refresh",
    "--preview-only",
    "--json",
    // A run that died may have left some: they are told of, not asked about.
    "--skip-pending-creates",
    "--stack",
    session.stack,
  ]);
  return (JSON.parse(output) as { steps?: RefreshStep[] }).steps ?? [];
}

/** The report as an operator reads it. */
function lines({ stack, drift, due }: DriftReport): string[] {
  const count = drift.length === 1 ? "One thing is" : `${drift.length} things are`;
  return [
    ...(drift.length === 0
      ? [`No drift: ${stack} is as the last \`up\` left it.`]
      : [`${count} not as the last \`up\` left ${stack}:`, ...drift.map((item) => `- ${item}`)]),
    ...(due.length === 0 ? [] : ["To be renewed:", ...due.map((item) => `- ${item}`)]),
  ];
}
