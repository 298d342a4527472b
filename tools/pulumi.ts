import { openSession } from "./session.ts";

/**
 * `npm run pulumi -- ARGS`: the CLI as it is, in the stack's environment. STACK=name is the stack
 * unless the arguments name one.
 */
export async function pulumi(args: readonly string[]): Promise<void> {
  const session = await openSession({ images: false });
  process.exitCode = await session.pulumi(args, { interactive: true });
}
