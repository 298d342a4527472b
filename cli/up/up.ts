import { here } from "../../programs/npmRun.ts";
import type { Settings } from "../../settings/types.ts";
import { lookAtBackups } from "../doctor/lookAtBackups.ts";
import { requireNoHalfRestore } from "../../stack/backup/journal.ts";
import { requireReadableData } from "../../stack/databaseSteps.ts";
import { findDrift } from "../../stack/drift.ts";
import { type Drift, repairs } from "../../stack/driftRepairs.ts";
import {
  announceDatabases,
  lookAtExternalDatabases,
  releaseLeaving,
  requireDatabases,
} from "../../stack/externalDatabases.ts";
import { lookAtKeptData, requireKeptData } from "../../stack/keptData.ts";
import { announceEnds } from "../../stack/certificateEnds.ts";
import { INTERRUPTED } from "../../machine/signals.ts";
import { policyFlags } from "../../stack/policyFlags.ts";
import { preflight } from "../../stack/preflight.ts";
import { recover } from "../../stack/recovery.ts";
import { announceRotation } from "../../stack/rotation.ts";
import type { Session } from "../../stack/session.ts";
import { imagesOf, makeImages, openSession } from "../../stack/openSession.ts";
import { settleHandovers } from "../../stack/settle.ts";
import { stackName } from "../../stack/configFile.ts";
import { readableConfig, settingsOf, type StackSettings } from "../../stack/settings.ts";
import { isAsLeft, rememberView } from "../../stack/engineView.ts";
import { readState, type StackState } from "../../stack/state.ts";
import { urlsOf } from "../../settings/urls.ts";
import { settingsToDeploy } from "../../stack/productionGuard.ts";
import { withCauses } from "../../stack/unwell.ts";
import type { Update } from "../../stack/update.ts";

/** `npm run up`: does everything from a bare machine to a deployed and checked stack. */
export async function up(): Promise<void> {
  const found = settingsToDeploy(stackName());
  const session = await openSession({ images: true, changes: "npm run up" });
  requireNoHalfRestore(session.stack);
  await deploy(session, found);
}

/** Makes the stack what its config says. */
export async function deploy(session: Session, found: StackSettings): Promise<void> {
  await ensureStack(session);
  const settings = await found.read(session);
  await ensureEncryptedImages(session, found.known);
  const state = await recover(session);
  if (state.deployment !== undefined) {
    // Most of the looks wait for it. Whoever needs it tells of a failure.
    state.inClear().catch(() => undefined);
  }
  const [, databases] = await inOrder(
    lookAtKeptData(session, state, settings).then(requireKeptData),
    lookAtExternalDatabases(session, state, settings).then(requireDatabases),
    requireReadableData(session, state, settings),
    preflight(session, state, settings),
  );
  announceRotation(state, settings);
  announceEnds(state, settings);
  announceDatabases(databases);
  await releaseLeaving(session, databases);

  process.stdout.write(
    state.deployment === undefined
      ? `- Deploying ${session.stack} ...\n`
      : `- Comparing ${session.stack} with its config, and changing what differs ...\n`,
  );
  const start = performance.now();
  const update = await session.update([
    "up",
    "--stack",
    session.stack,
    "--yes",
    "--skip-preview",
    "--suppress-outputs",
    ...policyFlags(session.stack),
    ...(await comparison(session, state, settings, { wake: true, more: databases.drift })),
  ]);
  if (!update.ok) {
    process.exitCode = tellFailure("up", await withCauses(session.docker, update));
    return;
  }
  const ms = performance.now() - start;
  if (state.deployment !== undefined) {
    await settleHandovers(session, state.deployment, settings.proxy.shutdownTimeout);
  }
  tell(session.stack, settings, update.changes, ms);
  await rememberView(session, update.changes === 0 ? state : await readState(session));
  if (state.deployment !== undefined) {
    tellBackups(session.stack, settings);
  }
}

/** A production stack whose backups nobody looks at is found by whoever deploys it. */
function tellBackups(stack: string, settings: Settings): void {
  for (const { level, text } of lookAtBackups(stack, settings)) {
    if (level === "note") {
      process.stdout.write(`  Backup       ${text}\n\n`);
    }
  }
}

/** `npm run images`: pulls or builds only the images. */
export async function images(): Promise<void> {
  const found = settingsOf(stackName());
  const session = await openSession({ images: true });
  await ensureEncryptedImages(session, found.known);
}

/** Makes the images whose names only Pulumi can decrypt. */
async function ensureEncryptedImages(session: Session, known: Settings | undefined): Promise<void> {
  if (known === undefined) {
    await makeImages(session, imagesOf(await readableConfig(session.stack, session)));
  }
}

export async function ensureStack(session: Session): Promise<void> {
  if (session.hasState() === true) {
    return;
  }
  const { secretsProvider } = session.store;
  await session.ask([
    ...["stack", "select", "--create", session.stack],
    ...(secretsProvider === undefined ? [] : ["--secrets-provider", secretsProvider]),
  ]);
}

/**
 * The flags that make `pulumi up` and `preview` see changes by hand, too.
 *
 * @param options Whether to start stopped databases first. A preview touches nothing.
 */
export async function comparison(
  session: Session,
  state: StackState,
  settings: Settings,
  { more = [], ...options }: { readonly wake?: boolean; readonly more?: readonly Drift[] } = {},
): Promise<string[]> {
  if (state.deployment === undefined) {
    return [];
  }
  const [drift, asLeft] = await Promise.all([
    findDrift(session, state, settings.proxy.image, { settings, ...options }),
    isAsLeft(session, state),
  ]);
  const replaced = repairs([...drift, ...more]);
  return asLeft && replaced.length === 0 ? [] : ["--refresh", ...replaced];
}

/**
 * Waits for looks that go on at the same time. Each may refuse the run.
 *
 * @throws what the first of them that failed throws, in the order in which they are given
 */
export async function inOrder<T extends readonly unknown[]>(
  ...looks: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  const results = await Promise.allSettled(looks);
  for (const result of results) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
  return Promise.all(looks) as Promise<unknown> as Promise<T>;
}

/**
 * Prints the failures at the very end, one sentence each, and returns the exit code.
 *
 * @param command The command that continues where this run ended.
 */
export function tellFailure(command: "up" | "down", { failures, interrupted }: Update): number {
  if (interrupted) {
    process.stderr.write(`interrupted: \`${here(command)}\` continues from here\n`);
    return INTERRUPTED;
  }
  process.stderr.write(
    `\n${failures.map((sentence) => `error: ${sentence}\n`).join("")}` +
      `\nWhen the cause is gone, \`${here(command)}\` continues from here.\n`,
  );
  return 1;
}

function tell(name: string, settings: Settings, changes: number, ms: number): void {
  const urls = urlsOf(settings);
  const stack = name === "dev" ? "" : `STACK=${name} `;
  process.stdout.write(
    [
      "",
      changes === 0
        ? `Nothing changed: ${name} is what its config says.`
        : `${name} is up: ${changes} change${changes === 1 ? "" : "s"} in ${Math.round(ms / 1000)} s.`,
      "",
      `  KMS      ${urls.kms}`,
      `  Backend  ${urls.backend}`,
      "",
      "  Passwords    " + `${stack}npm run -s pulumi -- stack output users --show-secrets`,
      "  CA to trust  " + `${stack}npm run -s pulumi -- stack output serverCa > ca.pem`,
      "  Remove       " + `${stack}npm run down`,
      "",
    ].join("\n"),
  );
}
