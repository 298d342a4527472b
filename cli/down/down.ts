import { VOLUME } from "../../names/types.ts";
import { keptPart, keptParts } from "../../settings/keptParts.ts";
import { openPrompt } from "../env/prompt.ts";
import { UserError } from "../../programs/errors.ts";
import { INTERRUPTED } from "../../machine/signals.ts";
import { npmRun } from "../../programs/npmRun.ts";
import { forget } from "../../stack/backup/journal.ts";
import { recover, removeLeftovers, removeStandIns } from "../../stack/recovery.ts";
import { openSession } from "../../stack/openSession.ts";
import { stackName } from "../../stack/configFile.ts";
import { type ExportedResource, stackExists } from "../../stack/state.ts";
import { settingsOf } from "../../stack/settings.ts";
import { tellFailure } from "../up/up.ts";

export interface DownOptions {
  /** Do not ask. @default false */
  readonly yes?: boolean;
}

/**
 * `npm run down`: removes everything that the stack created. Unless it is a throw-away stack, it keeps its
 * data volumes and, in the state, what is needed to open them.
 */
export async function down({ yes = false }: DownOptions = {}): Promise<void> {
  const found = settingsOf(stackName());
  const session = await openSession({ images: false, changes: "npm run down" });
  if (!(await stackExists(session))) {
    process.stdout.write(`Nothing to remove: there is no stack ${session.stack}.\n`);
    return;
  }
  const { throwaway } = await found.read(session);
  const { deployment, resources } = await recover(session);
  if (resources.length === 0) {
    process.stdout.write(`Nothing to remove: ${session.stack} is not deployed.\n`);
    return;
  }
  const warning = warningOf(session.stack, throwaway, resources);
  if (warning !== undefined && !yes && !(await confirmed(session.stack, throwaway, warning))) {
    process.stdout.write("Nothing was removed.\n");
    process.exitCode = INTERRUPTED;
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
    forget(session.stack);
  }
  process.stdout.write(
    `\n${session.stack} is removed.${throwaway ? "" : " Its data volumes are kept."}\n`,
  );
}

/** What happens to the stack's data; undefined if it has none. */
export function warningOf(
  stack: string,
  throwaway: boolean,
  resources: readonly ExportedResource[],
): string | undefined {
  const volumes = Object.keys(keptParts).flatMap((part) =>
    resources
      .filter(({ type }) => type === VOLUME)
      .map(({ inputs }) => String(inputs?.["name"]))
      .filter((name) => name.endsWith(`-${part}`))
      .map((name) => `  ${name} (${keptPart(part).has})\n`),
  );
  if (volumes.length === 0) {
    return undefined;
  }
  return throwaway
    ? `${stack} is a throw-away stack. These volumes will be removed, with everything in them:\n${volumes.join("")}`
    : `The containers, networks and configuration of ${stack} will be removed, and its services will stop.\n` +
        `These volumes will be kept, and the state keeps what opens them; the next \`${npmRun("up", stack)}\` uses them again:\n${volumes.join("")}`;
}

/**
 * Asks at a terminal. Without one, a throw-away stack is removed without asking, because scripts and CI
 * create and remove them.
 *
 * @throws UserError for any other stack, if there is no terminal
 */
async function confirmed(stack: string, throwaway: boolean, warning: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    if (throwaway) {
      return true;
    }
    throw new UserError(
      `${stack} is not a throw-away stack, and there is no terminal to ask at: run \`${npmRun("down -- --yes", stack)}\` to remove it.\n${warning.trimEnd()}`,
    );
  }
  const prompt = openPrompt();
  prompt.say(warning.trimEnd());
  const answer = await prompt.ask(`Type the stack's name (${stack}) to remove it:`);
  prompt.close();
  return answer === stack;
}
