import { readStamp, toolchainDir, type Origin, type Toolchain } from "./toolchain/layout.ts";

export type { Origin, Toolchain };

const ORIGINS: readonly Origin[] = ["path", "download", "build"];

/**
 * Returns a Pulumi CLI with all plugins that the program needs: the finished one where there is
 * one (in a few milliseconds), else found on PATH, else downloaded, else built from Go modules.
 * Nothing of the user's own Pulumi (~/.pulumi) is read or written.
 *
 * @throws UserError where none can be had, saying what to install.
 */
export async function ensureToolchain(): Promise<Toolchain> {
  const finished = finishedToolchain();
  if (finished) {
    return finished;
  }
  const { obtainToolchain } = await import("./toolchain/obtain.ts"); // costly to load, seldom needed
  return obtainToolchain(finishedToolchain);
}

/** The toolchain that an earlier run finished: its being there is the record of what worked here. */
function finishedToolchain(): Toolchain | undefined {
  for (const origin of ORIGINS) {
    const toolchain = readStamp(toolchainDir(origin));
    if (toolchain) {
      return toolchain;
    }
  }
  return undefined;
}
