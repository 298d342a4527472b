/** Metrics for node_exporter's textfile collector. */
import { resolve } from "node:path";
import { replaceFile } from "../../machine/files.ts";
import { UserError } from "../../programs/errors.ts";
import { lastLine } from "../../programs/docker/oneLine.ts";

/**
 * Writes them in one step: a collector that reads at any moment finds the old text or the new one. Others
 * may read it, since the collector is another user; there is no secret in it.
 *
 * @throws UserError where that can't be done
 */
export function writeMetrics(file: string, text: string): void {
  // npm runs its scripts in the project's folder, wherever it was called.
  const path = resolve(process.env["INIT_CWD"] ?? process.cwd(), file);
  try {
    // It is no .prom until it is whole, and so no draft is collected.
    replaceFile(path, text, 0o644);
  } catch (error) {
    const why = lastLine(error instanceof Error ? error.message : String(error));
    throw new UserError(
      `the metrics can't be written (${why}): name a file in a folder that is there and yours`,
    );
  }
}
