import { dockerName, label } from "../../names/docker.ts";
import { OWN_METRICS } from "../../names/own.ts";
import { NAME, nameIn } from "../../names/resources.ts";
import { COMMAND, CONTAINER } from "../../names/types.ts";
import { here } from "../../programs/npmRun.ts";
import { BODIES } from "../../settings/limits.ts";
import { notices } from "../../settings/notices.ts";
import type { Settings } from "../../settings/types.ts";
import { auditEngine } from "./cis/audit.ts";
import { backupOf, lookAtBackups } from "./lookAtBackups.ts";
import { lookAtCollectors } from "./lookAtCollectors.ts";
import { type ContainerFacts, containerFindings, illnesses } from "./containers.ts";
import { hardeningFindings } from "./hardening.ts";
import { diskFindings, roomOf } from "./disk.ts";
import { engineFindings } from "./engine.ts";
import { changedMemory } from "./changedMemory.ts";
import { lookAtAccounts } from "./accounts.ts";
import { lookAtLimits } from "./lookAtLimits.ts";
import { lookAtRenewal } from "./renewal.ts";
import { type Finding, renderFindings, verdict } from "./finding.ts";
import { asJson, exitCodeOf, verdictOf } from "./outcome.ts";
import type { StackFacts } from "./report/gather.ts";
import { writeReport } from "./report/write.ts";
import { lastRuns, unfinishedRun, withoutConsequences } from "./unfinished.ts";
import { lookAtVolumes } from "./volumes.ts";
import { findDrift } from "../../stack/drift.ts";
import { remedyFor } from "../../stack/driftRepairs.ts";
import { endNotes, endsIn } from "../../stack/certificateEnds.ts";
import { type KeptData, lookAtKeptData } from "../../stack/keptData.ts";
import { leftBehind } from "../../stack/leftBehind.ts";
import { report as reportError, UserError } from "../../programs/errors.ts";
import { certificateMetrics, servedMetrics } from "../../render/certificateMetrics.ts";
import { doctorMetrics } from "../../render/doctorMetrics.ts";
import { type Check, type Outside, outside, outsideChecks } from "../../programs/smoke/outside.ts";
import { servedCertificates } from "../../programs/smoke/served.ts";
import { kapowServerName } from "../../settings/urls.ts";
import { type CertificateFacts, certificateFindings } from "./certificates.ts";
import { writeMetrics } from "./metricsFile.ts";
import type { Session } from "../../stack/session.ts";
import { openSession } from "../../stack/openSession.ts";
import { stackName } from "../../stack/configFile.ts";
import { settingsOf, type StackSettings } from "../../stack/settings.ts";
import {
  type ExportedResource,
  readState,
  readStateInClear,
  stdinOf,
  stackExists,
  type StackState,
} from "../../stack/state.ts";

export interface DoctorOptions {
  /** The file that gets the ends of certificates, for node_exporter. */
  readonly metrics?: string;
  /** Print JSON in place of lines (docs/doctor.md). */
  readonly json?: boolean;
  /** The file that gets the report as a page. */
  readonly report?: string;
  /** Whether warnings have an exit code of their own. */
  readonly strict?: boolean;
}

/** What was found, and what the report shows of the stack beside that, if it is deployed. */
interface Looked {
  readonly findings: readonly Finding[];
  readonly facts?: StackFacts;
}

/**
 * `npm run doctor`: checks everything that can go wrong with a deployed stack, and changes nothing. For
 * each fault, one sentence says what is wrong and what to do. docs/doctor.md has the exit codes.
 */
export async function doctor(options: DoctorOptions = {}): Promise<void> {
  const { json = false, strict = false } = options;
  const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  let stack: string | undefined;
  try {
    stack = stackName();
    const findings = await look(stack, options);
    if (json) {
      print(asJson(stack, new Date(), findings));
    } else {
      process.stdout.write(`\n${renderFindings(findings)}\n${verdict(findings)}\n`);
    }
    process.exitCode = exitCodeOf(verdictOf(findings), strict);
  } catch (error) {
    if (json) {
      const words = error instanceof Error ? error.message : String(error);
      print(asJson(stack, new Date(), { error: words }));
    }
    const code = reportError(error);
    // What the user can fix is 1 in other commands, and a fault of the stack here. A bug of ours stays one.
    process.exitCode = code === 1 ? exitCodeOf("unknown", strict) : code;
  }
}

async function look(stack: string, options: DoctorOptions): Promise<readonly Finding[]> {
  const found = settingsOf(stack);
  const session = await openSession({ images: false, asFound: true });
  const engine = await lookAtEngine(session, found.known);
  const { findings: ofStack, facts } = await lookAtStack(session, found);
  const findings = [...engine, ...ofStack];
  if (options.metrics !== undefined && facts !== undefined) {
    writeMetrics(options.metrics, metricsOf(stack, findings, facts));
  }
  if (options.report !== undefined) {
    await writeReport(options.report, session, findings, facts);
  }
  return findings;
}

/** What node_exporter gets. */
function metricsOf(
  stack: string,
  findings: readonly Finding[],
  { certificates, settings, backup }: StackFacts,
): string {
  const count = (level: Finding["level"]) =>
    findings.filter((finding) => finding.level === level).length;
  return (
    certificateMetrics(OWN_METRICS, stack, certificates.ends) +
    servedMetrics(OWN_METRICS, stack, certificates.served) +
    doctorMetrics({
      ...{ stack, time: new Date(), warnings: count("note"), errors: count("fault") },
      backup: settings.throwaway ? undefined : backup,
    })
  );
}

async function lookAtEngine(session: Session, known: Settings | undefined): Promise<Finding[]> {
  const { docker, engine } = session;
  const format = '{"time":{{json .SystemTime}},"folder":{{json .DockerRootDir}}}';
  const asked = Date.now();
  const info = JSON.parse(await docker.run(["info", "--format", format])) as {
    time: string;
    folder: string;
  };
  const now = (asked + Date.now()) / 2;
  return [
    ...engineFindings({
      version: engine.version,
      clockAhead: (Date.parse(info.time) - now) / 1000,
    }),
    ...diskFindings(
      await roomOf(session, info.folder),
      known && (known.proxy.resources?.bodies ?? BODIES),
    ),
  ];
}

async function lookAtStack(session: Session, file: StackSettings): Promise<Looked> {
  const about = "stack";
  const state = (await stackExists(session)) ? await readState(session) : undefined;
  if (state?.deployment === undefined) {
    const text = `${session.stack} is not deployed: \`${here("up")}\` deploys it`;
    return { findings: [{ level: "fault", about, text }] };
  }
  const settings = await file.read(session);
  const left = await leftBehind(session, state, session.rest);
  const unfinished = left ?? unfinishedRun(session.stack, await lastRuns(session));
  const kept = await lookAtKeptData(session, state, settings);
  const { expected, found } = await containersOf(session, state);
  const ill = illnesses(expected, found);
  const inClear = await readStateInClear(session);
  const input = smokeInput(inClear);
  const facts = await certificateFacts(state, settings, input);
  const drift = await lookForDrift(session, state, settings, [...ill.keys()], kept);
  // What does not work without them follows from what is said of them.
  const silent = [...ill.keys(), ...drift.containers];
  const accounts = await lookAtAccounts(session, inClear, silent, drift.findings);
  // A KMS that refuses all tokens refuses the collectors', too.
  const refusing = accounts.some(({ level }) => level === "fault")
    ? [dockerName(session.stack, "kms")]
    : [];
  const findings = [
    ...keptFindings(kept, settings),
    ...containerFindings(expected, found, ill),
    ...(await lookAtLimits(session.docker, [...found.keys()])),
    ...(await lookAtVolumes(session, [...found.keys()])),
    ...hardeningFindings(await auditEngine(session.docker, label("deployment", state.deployment))),
    ...(await lookFromOutside(input, silent, unfinished !== undefined)),
    ...(await lookAtRenewal(session.docker, session.stack, settings, silent)),
    ...drift.findings,
    ...changedMemory(state.resources, found),
    ...accounts,
    ...(await lookAtCollectors(
      session,
      inClear,
      settings,
      [...silent, ...refusing],
      drift.findings,
    )),
    ...certificateFindings(facts),
    ...lookAtBackups(session.stack, settings),
    ...lookAhead(settings),
  ];
  const backup = backupOf(session.stack, settings);
  return {
    findings:
      unfinished === undefined
        ? findings
        : [{ level: "fault", about, text: unfinished }, ...withoutConsequences(findings)],
    facts: {
      ...{ settings, deployment: state.deployment, certificates: facts, containers: expected },
      ...(backup && { backup }),
    },
  };
}

async function containersOf({ docker }: Session, { resources }: StackState) {
  const expected = resources
    .filter(({ type }) => type === CONTAINER)
    .map(({ inputs }) => String(inputs?.["name"]));
  const found = new Map<string, ContainerFacts>();
  for (const name of expected) {
    const facts = await docker.inspect<ContainerFacts>("container", name);
    if (facts) {
      found.set(name, facts);
    }
  }
  return { expected, found };
}

/**
 * The input of the last `up`'s smoke check; undefined if no `up` finished.
 *
 * @param resources With secrets in clear.
 */
function smokeInput(resources: readonly ExportedResource[]): Outside | undefined {
  const smoke = resources.find(({ urn }) => urn.endsWith(`$${COMMAND}::${NAME.smoke}`));
  const input = smoke && stdinOf(smoke);
  return input === undefined ? undefined : outside.parse(input);
}

/**
 * Repeats the smoke check of the last `up`.
 *
 * @param ill Containers whose fault is reported already. Checks that fail with them are left out.
 * @param told Whether it is reported already that the last `up` did not finish.
 */
async function lookFromOutside(
  input: Outside | undefined,
  ill: readonly string[],
  told: boolean,
): Promise<Finding[]> {
  if (input === undefined) {
    const text = `the last \`up\` did not finish: \`${here("up")}\` continues from there`;
    return told ? [] : [{ level: "fault", about: "stack", text }];
  }
  const findings: Finding[] = [];
  const checks = outsideChecks(input).filter(({ needs }) => !ill.some(needs));
  for (const check of checks) {
    findings.push(await looked(check));
  }
  return findings;
}

async function lookForDrift(
  session: Session,
  state: StackState,
  settings: Settings,
  ill: readonly string[],
  kept: KeptData,
): Promise<{ readonly findings: Finding[]; readonly containers: readonly string[] }> {
  const told = new Set(
    state.resources
      .filter(({ type, inputs }) => type === CONTAINER && ill.includes(String(inputs?.["name"])))
      .map(({ urn }) => urn),
  );
  const drift = await findDrift(session, state, settings.proxy.image, { settings });
  const untold = drift.filter(
    ({ urn, why }) => !told.has(urn) && !kept.volumes.some((name) => why.includes(name)),
  );
  const containers = state.resources
    .filter(({ type }) => type === CONTAINER)
    .map(({ urn, inputs }) => ({ urn, name: String(inputs?.["name"]) }))
    // Its own, or the one of a database that lets nobody in.
    .filter(({ urn, name }) =>
      untold.some((found) => found.urn === urn || found.why.includes(` ${name} `)),
    )
    .map(({ name }) => name);
  const findings = untold.map((found) => ({
    level: "fault" as const,
    about: "changed by hand",
    text: `${nameIn(found.urn)}: ${found.why}${remedyFor(found, "repairs that")}`,
  }));
  return { findings, containers };
}

/** Checks that records, accounts and keys are still the ones that the state recorded. */
function keptFindings({ refused, permitted, idle }: KeptData, { throwaway }: Settings): Finding[] {
  const about = "kept data";
  const well = refused.length + permitted.length === 0 && !throwaway;
  return [
    ...(well ? [{ level: "good" as const, about, text: "all volumes are the original ones" }] : []),
    ...[...permitted, ...idle].map((text) => ({ level: "note" as const, about, text })),
    ...refused.map((text) => ({ level: "fault" as const, about, text })),
  ];
}

async function certificateFacts(
  { resources }: StackState,
  settings: Settings,
  input: Outside | undefined,
): Promise<CertificateFacts> {
  const now = new Date();
  const kapowName = settings.kapow && kapowServerName(settings);
  return {
    ends: endsIn(resources, settings.clients),
    notes: endNotes(resources, settings.clients, now),
    served: input ? await servedCertificates(input, kapowName) : [],
    warnDays: settings.certificates.warnDays,
    now,
  };
}

/** What is fine today, but needs attention soon. */
function lookAhead(settings: Settings): Finding[] {
  const told = notices(settings, new Date().toISOString().slice(0, 10));
  return told.map(({ text }) => ({ level: "note", about: "config", text }));
}

async function looked(check: Check): Promise<Finding> {
  const about = check.title;
  try {
    const note = await check.run();
    return note
      ? { level: "note", about, text: note }
      : { level: "good", about, text: "as it should be" };
  } catch (error) {
    if (error instanceof UserError) {
      return { level: "fault", about, text: error.message };
    }
    throw error;
  }
}
