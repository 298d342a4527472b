/** Runs `pulumi preview` and reads its events. */
import { wordsOf } from "../../stack/update.ts";
import { type Previewed, readEvents } from "./events.ts";

/** Runs the CLI and returns everything that it wrote, whatever its exit code. */
type Run = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
) => Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;

/** Arguments and environment that make `pulumi preview` write its events to standard output, one on each line. */
const JSON_EVENTS = ["--json"];
const STREAMING = { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" };

/**
 * Runs a preview. The result has one sentence for each failure.
 *
 * @param flags The flags of `pulumi preview`.
 */
export async function runPreview(
  run: Run,
  flags: readonly string[],
): Promise<{ readonly failed: boolean; readonly previewed: Previewed }> {
  const { code, stdout, stderr } = await run(["preview", ...flags, ...JSON_EVENTS], STREAMING);
  const previewed = readEvents(stdout);
  const broken = previewed.violations.some(({ mandatory }) => mandatory);
  const silent = code !== 0 && previewed.failures.length === 0 && !broken;
  return {
    failed: code !== 0,
    previewed: silent ? { ...previewed, failures: wordsOf(stderr) } : previewed,
  };
}
