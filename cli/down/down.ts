import { VOLUME } from "../../names/types.ts";
import { keptPart, keptParts } from "../../settings/keptParts.ts";
import { openPrompt } from "../env/prompt.ts";
import { UserError } from "../../programs/errors.ts";
import { INTERRUPTED } from "../../machine/signals.ts";
import { npmRun } from "../../programs/npmRun.ts";
import { recover, removeLeftovers, removeStandIns } from "../../stack/recovery.ts";
import { openSession } from "../../stack/openSession.ts";
import { stackName } from "../../stack/configFile.ts";
import { type ExportedResource, stackExists } from "../../stack/state.ts";
import { settingsOf } from "../../stack/settings.ts";
import { tellFailure } from "../up/up.ts";

export interface DownOptions {
  /** Whether it does not ask. @default false */
  readonly yes?: boolean;
}

/**
 * `npm run down`: removes all that the stack made. A stack that is not a throw-away one keeps its
 * data volumes, and in the state what is needed to open them.
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
    process.stdout.write("Nothing is removed.\n");
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
  }
  process.stdout.write(
    `\n${session.stack} is gone.${throwaway ? "" : " Its data volumes are kept."}\n`,
  );
}

/** What becomes of the stack's data; undefined where it has none, or nothing runs that would go. */
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
    ? `${stack} is a throw-away stack. These volumes are removed, with all that is in them:\n${volumes.join("")}`
    : `The containers, networks and configuration of ${stack} are removed, and nobody is served any more.\n` +
        `These volumes are kept, and in the state what opens them; the next \`${npmRun("up", stack)}\` serves them again:\n${volumes.join("")}`;
}

/**
 * Asks at a terminal. Elsewhere a throw-away stack goes without a word, since scripts and CI make and
 * remove them.
 *
 * @throws UserError for another stack, where nobody can be asked
 */
async function confirmed(stack: string, throwaway: boolean, warning: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    if (throwaway) {
      return true;
    }
    throw new UserError(
      `${stack} is not a throw-away stack, and there is no terminal to ask at: \`${npmRun("down -- --yes", stack)}\` removes it.\n${warning.trimEnd()}`,
    );
  }
  const prompt = openPrompt();
  prompt.say(warning.trimEnd());
  const answer = await prompt.ask(`Type the stack's name (${stack}) to remove it:`);
  prompt.close();
  return answer === stack;
}
