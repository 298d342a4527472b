import { UserError } from "./lib/errors.ts";
import { recover, removeLeftovers, removeStandIns } from "./recover.ts";
import { openSession } from "./session.ts";
import { settingsOf } from "./stackSettings.ts";

/**
 * `npm run down`: removes all that the stack made. A stack that is not a throw-away one keeps its
 * data volumes, and in the state what is needed to open them.
 */
export async function down(): Promise<void> {
  const session = await openSession({ images: false });
  const stacks = JSON.parse(await session.ask(["stack", "ls", "--json"])) as { name: string }[];
  if (!stacks.some(({ name }) => name === session.stack)) {
    process.stdout.write(`Nothing to remove: there is no stack ${session.stack}.\n`);
    return;
  }
  const { deployment } = await recover(session);
  if (deployment === undefined) {
    process.stdout.write(`Nothing to remove: ${session.stack} is not deployed.\n`);
    return;
  }

  await removeStandIns(session, deployment);
  const throwaway = settingsOf(session.stack).throwaway;
  const code = await session.pulumi([
    "destroy",
    "--stack",
    session.stack,
    "--yes",
    "--skip-preview",
    ...(throwaway ? [] : ["--exclude-protected"]),
  ]);
  if (code !== 0) {
    throw new UserError(
      `${session.stack} is not gone yet: what failed is above; run \`npm run down\` again`,
    );
  }
  if (throwaway) {
    await removeLeftovers(session, deployment);
  }
  process.stdout.write(
    `\n${session.stack} is gone.${throwaway ? "" : " Its data volumes are kept."}\n`,
  );
}
