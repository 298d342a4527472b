import { execa } from "execa";
import { UserError } from "../../programs/errors.ts";
import { step } from "../progress.ts";

/** Ten minutes: long enough for a slow mirror. */
const TIMEOUT_MS = 600_000;

/**
 * Installs Debian packages and says which ones and why. Packages that this release does not have are left
 * out, as long as one remains (Debian 13 has the command line in a package of its own).
 *
 * @param options.one Install only the first package that this release has.
 */
export async function aptInstall(
  packages: readonly string[],
  why: string,
  options: { one?: boolean } = {},
): Promise<void> {
  await step(
    `Installing ${packages.join(options.one ? " or " : " and ")} with apt-get: ${why}`,
    async (progress) => {
      progress.detail("apt-get update");
      await apt(["update"]);
      const { stdout } = await execa("apt-cache", ["madison", ...packages], { reject: false });
      const known = packages.filter((name) => new RegExp(`^\\s*${name} \\|`, "m").test(stdout));
      if (known.length === 0) {
        throw new UserError(
          `apt-get finds no package ${packages.join(" or ")}: check the package sources in /etc/apt.`,
        );
      }
      const wanted = options.one ? known.slice(0, 1) : known;
      progress.detail(`apt-get install ${wanted.join(" ")}`);
      await apt(["install", "--yes", "--no-install-recommends", ...wanted]);
    },
  );
}

async function apt(args: readonly string[]): Promise<void> {
  // The usual umask, because the packages' own scripts create files for everyone.
  const result = await execa("sh", ["-c", 'umask 022; exec apt-get "$@"', "apt-get", ...args], {
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "ignore",
    timeout: TIMEOUT_MS,
    reject: false,
  });
  if (result.failed) {
    const lines = `${result.stdout}\n${result.stderr}`.trim().split("\n");
    const why = lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? "no output";
    throw new UserError(`apt-get ${args[0]} failed: ${why}`);
  }
}
