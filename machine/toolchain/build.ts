import { mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { UserError } from "../../programs/errors.ts";
import type { Step } from "../progress.ts";
import { findGo } from "./go.ts";
import { pluginPath, sourcesDir } from "./layout.ts";
import { cliVersion, plugins } from "./versions.ts";

const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

const PACKAGES = {
  plugins: ["./plugins"],
  all: ["./plugins", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"],
};

/**
 * Builds toolchain/ into a folder: `bin` with the CLI (unless only the plugins are wanted), the language
 * host and the plugins, and `home` where the engine finds the plugins installed. It uses the user's Go
 * caches, so an interrupted build continues where it stopped.
 *
 * @throws UserError when there is no Go, or the build fails
 */
export async function build(folder: string, what: "plugins" | "all", progress: Step): Promise<void> {
  const go = await findGo(progress);
  const compiled = join(folder, "compiled");
  mkdirSync(compiled);
  const args = [
    "build",
    "-v", // names each package as it is compiled
    "-mod=readonly",
    "-trimpath",
    "-buildvcs=false",
    "-tags=no_compose", // the SDK has no compose resources, and they would cost a thousand packages
    `-ldflags=-s -w -X ${VERSION_VARIABLE}=${cliVersion}`,
    "-o",
    `${compiled}/`,
    ...PACKAGES[what],
  ];
  const env = { ...go.env, CGO_ENABLED: "0", GOWORK: "off" };
  const running = execa(go.command, args, { cwd: sourcesDir, env, stdout: "ignore", reject: false });
  const tail = await follow(running.stderr, progress);
  const { failed, shortMessage } = await running;
  if (failed) {
    throw new UserError(
      `building the Pulumi toolchain failed (${shortMessage?.split("\n")[0]}):\n${tail.join("\n")}`,
    );
  }
  layOut(folder, compiled, what);
}

/** Reports what Go is doing, and returns its last lines in case it fails. */
async function follow(output: NodeJS.ReadableStream, progress: Step): Promise<string[]> {
  const tail: string[] = [];
  let packages = 0;
  for await (const line of createInterface({ input: output })) {
    tail.push(line);
    if (tail.length > 20) {
      tail.shift();
    }
    if (line.startsWith("go: downloading ")) {
      progress.detail(line.slice("go: ".length));
    } else if (/^\S+$/.test(line)) {
      packages += 1;
      progress.detail(`compiling ${line} (${packages} packages so far)`);
    }
  }
  return tail;
}

/** One program serves as all plugins. The name that it is called by decides which one it is. */
function layOut(folder: string, compiled: string, what: "plugins" | "all"): void {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  const program = join(bin, "pulumi-plugins");
  renameSync(join(compiled, "plugins"), program);
  if (what === "all") {
    renameSync(join(compiled, "pulumi"), join(bin, "pulumi"));
    symlinkSync("pulumi-plugins", join(bin, "pulumi-language-nodejs"));
  }
  for (const [name, version] of Object.entries(plugins)) {
    const plugin = pluginPath(join(folder, "home"), name, version);
    mkdirSync(dirname(plugin), { recursive: true });
    symlinkSync(relative(dirname(plugin), program), plugin);
  }
  rmSync(compiled, { recursive: true });
}
