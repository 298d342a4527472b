import { execa } from "execa";
import { globSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { ensureEngine } from "../machine/engine.ts";
import { catalogue, nginxVersions } from "../machine/images/catalogue.ts";
import { ensureImages } from "../machine/images.ts";
import { projectRoot } from "../machine/paths.ts";
import { ensureToolchain } from "../machine/toolchain.ts";

/** How many checks and tests passed and failed. */
interface Tally {
  passed: number;
  failed: number;
}

/** The folders whose imports are checked with dev/arrows.js. */
const FOLDERS = [
  ...["index.ts", "components", "names", "settings", "render", "programs"],
  ...["machine", "stack", "cli", "dev", "bench", "policy"],
];

/** The checks that don't run the code. */
const STATIC_CHECKS: readonly (readonly [title: string, ...command: string[]])[] = [
  ["types", "tsc", "--noEmit"],
  ["lint", "eslint", "--max-warnings=0", "."],
  ["arrows between folders", "depcruise", "--config", "dev/arrows.js", ...FOLDERS],
  ["format", "prettier", "--check", "--log-level=warn", "."],
  ["public types", "tstyche"],
  ["generated reference", "node", "dev/docs.ts", "--check"],
  ["npm package", "node", "dev/package.ts"],
];

/** The tests that need an engine, longest first, so that none runs alone at the end. */
const ENGINE_TESTS = ["integration", "images", "toolchain", "nginx", "acme"];

/**
 * The tests that `npm test` runs with each Nginx, because the results depend on its version or its TLS
 * library's. With the oldest Nginx it runs all of test/nginx; the long tests do so with the others.
 */
const NGINX_CORE = ["clients", "tls", "reload", "certificates", "superseded"].map(
  (name) => `nginx/${name}.test.ts`,
);
/** Names the image whose Nginx test/nginx uses. If it is set from outside, only that one is tested. */
const NGINX_IMAGE = "CYBEXP_TEST_NGINX_IMAGE";
const given = process.env[NGINX_IMAGE];
const [OLDEST_NGINX = "", ...NEWER_NGINX] = given ? [given] : nginxVersions.map(({ name }) => name);

/** How many test files run at the same time, each with its own stacks, containers and ports. */
const CONCURRENCY = 2;

/** A file that takes longer is hanging, even on a slow machine. It counts as failed, and the run continues. */
const FILE_TIMEOUT_MINUTES = 15;

/** `npm run check`: runs what needs neither an engine nor a toolchain. */
export async function check(): Promise<void> {
  finish(await quick());
}

/** `npm test`: runs everything but the long tests, on a machine where nothing may be installed yet. */
export async function test(): Promise<void> {
  const tally = await quick();
  await prepare();
  await runOnNginx(OLDEST_NGINX, ENGINE_TESTS, tally);
  for (const image of NEWER_NGINX) {
    await runOnNginx(image, NGINX_CORE, tally);
  }
  finish(tally);
}

/** `npm run test:long`: runs rotations and replacements under load, kills at every step, and real clients. */
export async function testLong(): Promise<void> {
  const tally = { passed: 0, failed: 0 };
  await prepare();
  // One after another, because they measure times.
  await runTests(["long"], tally, 1);
  for (const image of NEWER_NGINX) {
    await runOnNginx(image, ["nginx"], tally);
  }
  finish(tally);
}

async function prepare(): Promise<void> {
  await ensureToolchain();
  const images = [...catalogue, ...nginxVersions];
  const names = images.map(({ name }) => name);
  await ensureImages(await ensureEngine(), names, { catalogue: images });
}

/** Runs tests with this Nginx. Test files are processes of their own, so they read it from the environment. */
async function runOnNginx(image: string, places: readonly string[], tally: Tally): Promise<void> {
  process.env[NGINX_IMAGE] = image;
  process.stdout.write(`\n— Nginx of ${image}\n`);
  await runTests(places, tally);
}

async function quick(): Promise<Tally> {
  const tally = { passed: 0, failed: 0 };
  await Promise.all(STATIC_CHECKS.map((check) => runStaticCheck(check, tally)));
  await runTests(["unit"], tally);
  return tally;
}

async function runStaticCheck(
  [title, command, ...args]: (typeof STATIC_CHECKS)[number],
  tally: Tally,
): Promise<void> {
  const result = await execa(command ?? "", args, {
    cwd: projectRoot,
    preferLocal: true,
    reject: false,
    all: true,
    stdin: "ignore",
  });
  const ok = result.exitCode === 0;
  process.stdout.write(`${ok ? "✔" : "✖"} ${title} (${Math.round(result.durationMs)}ms)\n`);
  if (!ok) {
    process.stdout.write(`${result.all}\n`);
  }
  tally[ok ? "passed" : "failed"]++;
}

async function runTests(
  /** Folders and files in test/. */
  places: readonly string[],
  tally: Tally,
  concurrency = CONCURRENCY,
): Promise<void> {
  const files = places.flatMap((place) => {
    const pattern = place.endsWith(".test.ts") ? place : `${place}/**/*.test.ts`;
    const found = globSync(`test/${pattern}`, { cwd: projectRoot }).sort();
    if (found.length === 0) {
      process.stdout.write(`✖ no test files in test/${place}\n`);
      tally.failed++;
    }
    return found;
  });
  process.stdout.write(`\n— test/{${places.join(",")}}\n`);
  const stream = run({
    files: files.map((file) => join(projectRoot, file)),
    concurrency,
    timeout: FILE_TIMEOUT_MINUTES * 60_000,
    cwd: projectRoot,
  });
  stream.on("test:pass", ({ details }) => {
    tally.passed += details.type === "suite" ? 0 : 1;
  });
  stream.on("test:fail", ({ details }) => {
    // A suite that fails without a failing test in it failed in its own hooks.
    tally.failed += details.type === "suite" && isOfSubtests(details.error) ? 0 : 1;
  });
  for await (const text of stream.compose(new spec())) {
    process.stdout.write(String(text));
  }
}

function isOfSubtests(error: Error & { failureType?: string }): boolean {
  return error.failureType === "subtestsFailed";
}

/** Prints the run's last line and sets its exit code. */
function finish({ passed, failed }: Tally): void {
  process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
