import { announceEnds } from "./ends.ts";
import { recover } from "./recover.ts";
import { announceRotation } from "./rotation.ts";
import { openSession } from "./session.ts";
import { stackName } from "./stack.ts";
import { settingsToDeploy } from "./stateGuard.ts";
import { comparison, ensureStack } from "./up.ts";

/** `npm run preview`: what `up` would do, without doing it. */
export async function preview(args: readonly string[]): Promise<void> {
  const settings = settingsToDeploy(stackName());
  const session = await openSession({ images: true, changes: "npm run preview" });
  await ensureStack(session);
  const state = await recover(session);
  announceRotation(state, settings);
  announceEnds(state, settings);
  process.exitCode = await session.pulumi([
    "preview",
    "--stack",
    session.stack,
    ...(await comparison(session, state, settings)),
    ...args,
  ]);
}
