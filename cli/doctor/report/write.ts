/** `npm run doctor -- --report FILE`. */
import { resolve } from "node:path";
import { replaceFile } from "../../../machine/files.ts";
import { lastLine } from "../../../programs/docker/oneLine.ts";
import { UserError } from "../../../programs/errors.ts";
import type { Session } from "../../../stack/session.ts";
import type { Finding } from "../finding.ts";
import { gather, type StackFacts } from "./gather.ts";

/**
 * Writes the page in one step. Only its owner may read it: it has no secret, but it has names and addresses.
 *
 * @throws UserError where that can't be done
 */
export async function writeReport(
  file: string,
  session: Pick<Session, "docker" | "stack">,
  findings: readonly Finding[],
  facts: StackFacts | undefined,
): Promise<void> {
  // The charts' library takes a moment to load, and no other run needs it.
  const { renderPage } = await import("./page.ts");
  const page = await renderPage(await gather(session, findings, facts));
  // npm runs its scripts in the project's folder, wherever it was called.
  const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), file);
  try {
    replaceFile(path, page, 0o600);
  } catch (error) {
    const why = lastLine(error instanceof Error ? error.message : String(error));
    throw new UserError(
      `the report can't be written (${why}): name a file in a folder that is there and yours`,
    );
  }
  process.stderr.write(`Report: ${path}\n`);
}
