import { existsSync } from "node:fs";
import { join } from "node:path";
import { lookAtKeptData, requireKeptData } from "../../stack/keptData.ts";
import { projectRoot } from "../../machine/paths.ts";
import { openSession } from "../../stack/openSession.ts";
import { stackName } from "../../stack/configFile.ts";
import { readState, stackExists } from "../../stack/state.ts";
import { settingsOf } from "../../stack/settings.ts";
import { settingsToDeploy } from "../../stack/productionGuard.ts";

/** The CLI's commands that change a stack's state. */
const CHANGING = ["up", "update", "destroy", "refresh", "import", "state", "watch"];

/** The CLI's commands that deploy a stack, or show what that would do. */
const DEPLOYING = ["up", "update", "watch", "preview", "pre"];

/**
 * `npm run pulumi -- ARGS`: runs the CLI in the stack's environment. STACK=name picks the stack, unless
 * the arguments name one.
 */
export async function pulumi(args: readonly string[]): Promise<void> {
  const stack = stackIn(args) ?? stackName();
  const command = args.find((arg) => CHANGING.includes(arg));
  const found = args.some((arg) => DEPLOYING.includes(arg))
    ? settingsToDeploy(stack)
    : args.includes("refresh")
      ? settingsOf(stack)
      : undefined;
  const session = await openSession({
    stack,
    images: false,
    ...(command !== undefined && { changes: `npm run pulumi -- ${command}` }),
  });
  if (found !== undefined && !found.known?.throwaway && (await stackExists(session))) {
    const settings = await found.read(session);
    if (!settings.throwaway) {
      requireKeptData(await lookAtKeptData(session, await readState(session), settings));
    }
  }
  process.exitCode = await session.pulumi(args);
}

/**
 * The stack that `--stack` names; undefined if it names none, or the stack has no file.
 */
export function stackIn(args: readonly string[], root = projectRoot): string | undefined {
  const index = args.findIndex((arg) => /^(--stack|-s)(=|$)/.test(arg));
  const named = args[index]?.includes("=") ? args[index].replace(/^[^=]*=/, "") : args[index + 1];
  // In Pulumi Cloud, a name may begin with the organization and the project.
  const stack = index < 0 ? undefined : named?.split("/").at(-1);
  return stack && existsSync(join(root, `Pulumi.${stack}.yaml`)) ? stack : undefined;
}
