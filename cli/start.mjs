// The door for `npm run ...` on a bare machine: needs nothing but Node and npm, however old. It
// installs the dependencies that the lockfile names, finds a Node that runs TypeScript, and hands
// over to main.ts.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, "cli", "main.ts");

/** The first Node that runs TypeScript without a flag, and that Pulumi's SDK supports. */
const NODE = /** @type {const} */ ([22, 18]);

/** @param {string} version such as "22.18.0" */
function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > NODE[0] || (major === NODE[0] && minor >= NODE[1]);
}

/** Installs the dependencies unless the lockfile is the one that was installed last. */
function installDependencies() {
  const modules = join(root, "node_modules");
  if (lstatSync(modules, { throwIfNoEntry: false })?.isSymbolicLink()) {
    // Somebody else's, who keeps it up to date: npm would empty it.
    return;
  }
  const lock = readFileSync(join(root, "package-lock.json"));
  // With what kind of install it was: without the tools of development none of this runs.
  const digest = `${createHash("sha256").update(lock).digest("hex")} with dev`;
  const stamp = join(modules, ".cybexp-lockfile");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    return;
  }
  console.error("- Installing the dependencies (npm ci) ...");
  const start = Date.now();
  // No install scripts: what they would fetch, the toolchain step fetches or builds.
  const npm = spawnSync(
    "npm",
    // Whatever NODE_ENV or npm's config leave out.
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
    console.error("error: npm could not install the dependencies; what it says is above");
    process.exit(1);
  }
  writeFileSync(stamp, digest);
  console.error(`  done in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

/** This Node if it will do, else the one that came as a dependency. */
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
    `error: Node ${process.versions.node} is too old and there is none in npm for ${process.platform}-${process.arch}: ` +
      `install Node ${NODE.join(".")} or newer`,
  );
  process.exit(1);
}

installDependencies();
// Compiled once for all runs, the programs that Pulumi starts among them: a third of their time.
process.env["NODE_COMPILE_CACHE"] ??= join(root, "node_modules", ".cache", "node");
const node = findNode();
if (node === process.execPath) {
  process.argv = [process.argv[0] ?? node, main, ...process.argv.slice(2)];
  // A path may have a # or % in it.
  await import(pathToFileURL(main).href);
} else {
  // Ctrl-C reaches the child by itself when it comes from a terminal; it takes a second one for the
  // same (machine/signals.ts). One sent to this process alone must be passed on, and from the
  // child's first moment: if it ended this process instead, the child would go on unseen.
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: "inherit" });
  // As main.ts does when this process is gone.
  const launcher = process.ppid;
  setInterval(() => process.ppid === launcher || child.kill("SIGHUP"), 500).unref();
  child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}
