/** `npm run doctor -- --report FILE`. */
import type { Session } from "../../../stack/session.ts";
import type { Finding } from "../finding.ts";
import { writeNamed } from "../writtenFile.ts";
import { gather, type StackFacts } from "./gather.ts";

/**
 * Writes the page. Only its owner may read it: it has no secret, but it has names and addresses.
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
  const path = writeNamed(file, page, 0o600, "the report");
  process.stderr.write(`Report: ${path}\n`);
}
