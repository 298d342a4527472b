// The entry point of `npm run ...` on a bare machine. It needs only Node and npm, however old. It installs
// the dependencies of the lockfile, finds a Node that runs TypeScript, and hands over to main.ts.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, "cli", "main.ts");

/** The oldest Node that runs TypeScript without a flag and that Pulumi's SDK supports. */
const NODE = /** @type {const} */ ([22, 18]);

/** @param {string} version such as "22.18.0" */
function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NODE[0] || (major === NODE[0] && minor >= NODE[1]);
}

/** Installs the dependencies, unless the lockfile is the same as in the last installation. */
function installDependencies() {
  const modules = join(root, "node_modules");
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    // It belongs to somebody else, who keeps it up to date. npm would empty it.
    return;
  }
  const lock = readFileSync(join(root, "package-lock.json"));
  // Includes the kind of installation, because nothing here runs without the development tools.
  const digest = `${createHash("sha256").update(lock).digest("hex")} with dev`;
  const stamp = join(modules, ".cybexp-lockfile");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    return;
  }
  console.error("- Installing the dependencies (npm ci) ...");
  const start = Date.now();
  // No install scripts: the toolchain step downloads or builds what they would download.
  const npm = spawnSync(
    "npm",
    // Include these even if NODE_ENV or npm's config would leave them out.
    [
      ...["ci", "--include=dev", "--include=optional", "--ignore-scripts"],
      ...["--no-audit", "--no-fund", "--loglevel=error"],
    ],
    {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  if (npm.status !== 0) {
    console.error("error: npm could not install the dependencies: see its message above");
    process.exit(1);
  }
  writeFileSync(stamp, digest);
  console.error(`  done in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

/** This Node if it is new enough, or else the one that came as a dependency. */
function findNode() {
  if (isNewEnough(process.versions.node)) {
    return process.execPath;
  }
  const carried = join(
    root,
    "node_modules",
    `node-${process.platform}-${process.arch}`,
    "bin",
    "node",
  );
  if (existsSync(carried)) {
    return carried;
  }
  console.error(
    `error: Node ${process.versions.node} is too old, and npm has no newer one for ${process.platform}-${process.arch}: ` +
      `install Node ${NODE.join(".")} or newer`,
  );
  process.exit(1);
}

installDependencies();
// Code is compiled once for all runs, including the programs that Pulumi starts. This saves a third of
// their time.
process.env["NODE_COMPILE_CACHE"] ??= join(root, "node_modules", ".cache", "node");
const node = findNode();
if (node === process.execPath) {
  process.argv = [process.argv[0] ?? node, main, ...process.argv.slice(2)];
  // A path may contain # or %.
  await import(pathToFileURL(main).href);
} else {
  // From a terminal, Ctrl-C reaches the child by itself, and the child ignores the second one that comes
  // from here (machine/signals.ts). A signal to this process alone must be passed on from the child's
  // first moment: if it ended this process, the child would continue unseen.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  // main.ts does the same if this process is gone.
  const launcher = process.ppid;
  setInterval(() => process.ppid === launcher || child.kill("SIGHUP"), 500).unref();
  child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
