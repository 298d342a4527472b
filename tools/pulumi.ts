import { openSession } from "./session.ts";

/** The CLI's commands that change a stack's state. */
const CHANGING = ["up", "update", "destroy", "refresh", "import", "state", "watch"];

/**
 * `npm run pulumi -- ARGS`: the CLI as it is, in the stack's environment. STACK=name is the stack
 * unless the arguments name one.
 */
export async function pulumi(args: readonly string[]): Promise<void> {
  const command = args.find((arg) => CHANGING.includes(arg));
  const session = await openSession({
    images: false,
    ...(command !== undefined && { changes: `npm run pulumi -- ${command}` }),
  });
  process.exitCode = await session.pulumi(args);
}
