import { recover, removeLeftovers, removeStandIns } from "./recover.ts";
import { openSession } from "./session.ts";
import { stackName } from "./stack.ts";
import { stackExists } from "./state.ts";
import { settingsOf } from "./stackSettings.ts";
import { tellFailure } from "./up.ts";

/**
 * `npm run down`: removes all that the stack made. A stack that is not a throw-away one keeps its
 * data volumes, and in the state what is needed to open them.
 */
export async function down(): Promise<void> {
  const { throwaway } = settingsOf(stackName());
  const session = await openSession({ images: false, changes: "npm run down" });
  if (!(await stackExists(session))) {
    process.stdout.write(`Nothing to remove: there is no stack ${session.stack}.\n`);
    return;
  }
  const { deployment, resources } = await recover(session);
  if (resources.length === 0) {
    process.stdout.write(`Nothing to remove: ${session.stack} is not deployed.\n`);
    return;
  }

  if (deployment !== undefined) {
    await removeStandIns(session, deployment);
  }
  process.stdout.write(`- Removing ${session.stack} ...\n`);
  const update = await session.update([
    "destroy",
    "--stack",
    session.stack,
    "--yes",
    "--skip-preview",
    ...(throwaway ? [] : ["--exclude-protected"]),
  ]);
  if (!update.ok) {
    process.exitCode = tellFailure("down", update);
    return;
  }
  if (throwaway && deployment !== undefined) {
    await removeLeftovers(session, deployment);
  }
  process.stdout.write(
    `\n${session.stack} is gone.${throwaway ? "" : " Its data volumes are kept."}\n`,
  );
}
