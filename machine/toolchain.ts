import { readStamp, toolchainDir, type Origin, type Toolchain } from "./toolchain/layout.ts";

export type { Origin, Toolchain };

const ORIGINS: readonly Origin[] = ["path", "download", "build"];

/**
 * Returns a Pulumi CLI with all plugins that the program needs: one from an earlier run (in a few
 * milliseconds), or else found on PATH, or else downloaded, or else built from Go modules. The user's own
 * Pulumi (~/.pulumi) is neither read nor written.
 *
 * @throws UserError that says what to install, if there is no way to get one
 */
export async function ensureToolchain(): Promise<Toolchain> {
  const finished = finishedToolchain();
  if (finished) {
    return finished;
  }
  const { obtainToolchain } = await import("./toolchain/obtain.ts"); // costly to load, seldom needed
  return obtainToolchain(finishedToolchain);
}

/** The toolchain that an earlier run finished. Its presence shows what worked on this machine. */
function finishedToolchain(): Toolchain | undefined {
  for (const origin of ORIGINS) {
    const toolchain = readStamp(toolchainDir(origin));
    if (toolchain) {
      return toolchain;
    }
  }
  return undefined;
}
