import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { declaredListeners } from "../settings/declaredListeners.ts";
import { preflight } from "./preflight.ts";
import { recover } from "./recover.ts";
import { announceRotation } from "./rotation.ts";
import { openSession, type Session } from "./session.ts";
import { settleHandovers } from "./settle.ts";
import { stackName } from "./stack.ts";
import { settingsOf } from "./stackSettings.ts";

/** `npm run up`: everything from a bare machine to a stack that is deployed, served and checked. */
export async function up(): Promise<void> {
  const settings = settingsOf(stackName());
  const session = await openSession({ images: true });
  await ensureStack(session);
  const state = await recover(session);
  announceRotation(state, settings);
  await preflight(session, state, declaredListeners(settings));

  const log = join(tmpdir(), `cybexp-up-${process.pid}.json`);
  const code = await session.pulumi([
    "up",
    "--stack",
    session.stack,
    "--yes",
    "--skip-preview",
    "--suppress-outputs",
    "--event-log",
    log,
    // A container that was stopped or removed by hand is seen only by looking.
    ...(state.deployment === undefined ? [] : ["--refresh"]),
  ]);
  if (code !== 0) {
    // Where the CLI stopped before the update, there is none.
    rmSync(log, { force: true });
    process.exitCode = code;
    return;
  }
  const changes = changesOf(log);
  rmSync(log);
  if (state.deployment !== undefined) {
    await settleHandovers(session, state.deployment, settings.proxy.shutdownTimeout);
  }
  await tell(session, changes);
}

/** `npm run images`: only the images. */
export async function images(): Promise<void> {
  await openSession({ images: true });
}

export async function ensureStack(session: Session): Promise<void> {
  await session.ask(["stack", "select", "--create", session.stack]);
}

/** How many resources the update changed, by its event log. */
function changesOf(log: string): number {
  let changes = 0;
  for (const line of readFileSync(log, "utf8").split("\n")) {
    if (line.includes('"summaryEvent"')) {
      const event = JSON.parse(line) as {
        summaryEvent: { resourceChanges: Record<string, number> };
      };
      for (const [operation, count] of Object.entries(event.summaryEvent.resourceChanges)) {
        changes += operation === "same" || operation === "refresh" ? 0 : count;
      }
    }
  }
  return changes;
}

async function tell(session: Session, changes: number): Promise<void> {
  const outputs = JSON.parse(
    await session.ask(["stack", "output", "--json", "--stack", session.stack]),
  ) as Record<string, unknown>;
  const stack = session.stack === "dev" ? "" : `STACK=${session.stack} `;
  process.stdout.write(
    [
      "",
      changes === 0
        ? `Nothing changed: ${session.stack} is what its config says.`
        : `${session.stack} is up: ${changes} changes.`,
      "",
      `  KMS      ${String(outputs["kmsUrl"])}`,
      `  Backend  ${String(outputs["backendUrl"])}`,
      "",
      "  Passwords    " + `${stack}npm run -s pulumi -- stack output users --show-secrets`,
      "  CA to trust  " + `${stack}npm run -s pulumi -- stack output serverCa > ca.pem`,
      "  Remove       " + `${stack}npm run down`,
      "",
    ].join("\n"),
  );
}
