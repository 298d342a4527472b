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

/** What `npm run drift` found, in the form that `--report` writes. */
export interface DriftReport {
  readonly stack: string;
  /** One sentence for each thing that is not as the last `up` left it. */
  readonly drift: readonly string[];
  /** One sentence for each certificate that the next `up` renews. */
  readonly due: readonly string[];
}

/** The exit code for drift. 0 means none, and 1 a failure. */
const DRIFT = 2;

export interface DriftOptions {
  /** The file that also gets the report, as JSON. */
  readonly report?: string;
}

/**
 * `npm run drift`: reports what differs from what the last `up` left, and which certificates are due for
 * renewal. Changes nothing, neither in Docker nor in the state.
 */
export async function drift({ report: file }: DriftOptions): Promise<void> {
  const found = settingsOf(stackName());
  // Not while an `up` runs, because its half-done work would look like drift.
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

/** @throws UserError when nothing is deployed, so nothing can differ */
async function stateOf(session: Session): Promise<StackState> {
  const state = (await stackExists(session)) ? await readState(session) : undefined;
  if (state?.deployment === undefined) {
    throw new UserError(
      `${session.stack} is not deployed, according to its state: ` +
        `\`${here("up")}\` deploys it; if it is deployed, check that PULUMI_BACKEND_URL names its state`,
    );
  }
  return state;
}

async function refreshSteps(session: Session): Promise<RefreshStep[]> {
  const output = await session.ask([
    "refresh",
    "--preview-only",
    "--json",
    // A run that died may have left some. They are reported, so Pulumi must not ask about them.
    "--skip-pending-creates",
    "--stack",
    session.stack,
  ]);
  return (JSON.parse(output) as { steps?: RefreshStep[] }).steps ?? [];
}

/** The report as text for an operator. */
function lines({ stack, drift, due }: DriftReport): string[] {
  const count = drift.length === 1 ? "One thing is" : `${drift.length} things are`;
  return [
    ...(drift.length === 0
      ? [`No drift: ${stack} is as the last \`up\` left it.`]
      : [`${count} not as the last \`up\` left ${stack}:`, ...drift.map((item) => `- ${item}`)]),
    ...(due.length === 0 ? [] : ["Due for renewal:", ...due.map((item) => `- ${item}`)]),
  ];
}
