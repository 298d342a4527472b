/** Metrics for node_exporter's textfile collector. */
import { writeNamed } from "./writtenFile.ts";

/**
 * It is no .prom until it is whole, and so no draft is collected. Others may read it, since the collector is
 * another user; there is no secret in it.
 *
 * @throws UserError where that can't be done
 */
export function writeMetrics(file: string, text: string): void {
  writeNamed(file, text, 0o644, "the metrics");
}
