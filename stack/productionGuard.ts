/** Checks, before anything is done, that a stack's state and its passphrase are in a permitted place. */
import { execFileSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { parse } from "yaml";
import { BACKEND_EXAMPLES, folderOf, isPulumiCloud, STATE_IN_CLONE } from "../settings/state.ts";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";
import { stackConfig, stackFile } from "./configFile.ts";
import { settingsOf, type StackSettings } from "./settings.ts";
import { storeOf } from "./backend.ts";

/** Where Pulumi will take the passphrase from. */
export type Passphrase =
  | { readonly from: "nowhere" }
  | { readonly from: "variable"; readonly empty: boolean }
  | {
      readonly from: "file";
      readonly path: string;
      readonly exists: boolean;
      /** Whether it is in the repository's folder, with symbolic links followed. */
      readonly inside: boolean;
      /** Whether a Git repository, this one or another, tracks it. */
      readonly tracked: boolean;
    };

/** Everything that decides whether a stack may be deployed from here. */
export interface Custody {
  readonly stack: string;
  readonly production: boolean;
  /** The backend's URL; undefined for the embedded one. */
  readonly backend: string | undefined;
  /** Whether the backend is a folder in the repository. */
  readonly backendInside: boolean;
  /** `cybexp:state.secretsProvider`. */
  readonly wanted: string | undefined;
  /** The provider that Pulumi wrote into the stack's file; undefined before the first deployment. */
  readonly inUse: string | undefined;
  readonly passphrase: Passphrase;
}

/**
 * The stack's settings, for a command that deploys the stack or shows what that would do.
 *
 * @throws UserError when they are invalid, or the state or its passphrase is not in a permitted place
 */
export function settingsToDeploy(stack: string): StackSettings {
  const settings = settingsOf(stack);
  const refusal = refusalOf(custodyOf(stack, settings.production));
  if (refusal !== undefined) {
    throw new UserError(refusal);
  }
  return settings;
}

/** Why the stack can't be deployed like this, and what to do, in one sentence; undefined if it can. */
export function refusalOf(custody: Custody): string | undefined {
  const { stack, production, backend, backendInside, wanted, inUse, passphrase } = custody;
  const file = `Pulumi.${stack}.yaml`;
  const subject = `${stack} is a production stack`;
  if (production && backend === undefined) {
    return (
      `${subject}, but ${STATE_IN_CLONE}: set cybexp:state.backend in ${file}, ` +
      `for example to ${BACKEND_EXAMPLES} (docs/environments.md)`
    );
  }
  if (production && backendInside) {
    return `${subject}, but its state would be in the repository's folder (${backend}): set cybexp:state.backend in ${file} to a place outside it`;
  }
  if (wanted !== undefined && inUse !== undefined && wanted !== inUse) {
    return (
      `cybexp:state.secretsProvider in ${file} is ${wanted}, but the stack's secrets are encrypted by ${inUse}: ` +
      `run \`STACK=${stack} npm run pulumi -- stack change-secrets-provider "${wanted}"\`, or change the key back`
    );
  }
  const own = backend !== undefined && isPulumiCloud(backend) ? "default" : "passphrase";
  const provider = inUse ?? wanted ?? own;
  const needsPassphrase = provider === "passphrase" || (provider === "default" && own !== provider);
  return needsPassphrase && backend !== undefined
    ? passphraseRefusal(stack, production, passphrase)
    : undefined;
}

/** For a stack whose secrets are encrypted by a passphrase and whose state is outside this clone. */
function passphraseRefusal(
  stack: string,
  production: boolean,
  passphrase: Passphrase,
): string | undefined {
  const give =
    "set PULUMI_CONFIG_PASSPHRASE_FILE to a file outside the repository that only you can read";
  const move = "move it out, or choose a key service (docs/environments.md)";
  const subject = `${stack} is a production stack, but`;
  switch (passphrase.from) {
    case "nowhere":
      return `the secrets of ${stack} are encrypted by a passphrase, but none is set: ${give}`;
    case "variable":
      return production && passphrase.empty
        ? `${subject} PULUMI_CONFIG_PASSPHRASE is empty: ${give}`
        : undefined;
    case "file": {
      const named = `PULUMI_CONFIG_PASSPHRASE_FILE (${passphrase.path})`;
      if (!passphrase.exists) {
        return `${named} does not exist: ${give}`;
      }
      if (production && passphrase.tracked) {
        return `${subject} ${named} is in a Git repository: change the passphrase, because everyone with access to the repository has it, and ${give}`;
      }
      return production && passphrase.inside
        ? `${subject} ${named} is in the repository's folder: ${move}`
        : undefined;
    }
  }
}

/** Reads the stack's file, the environment, and the files that the environment names. */
export function custodyOf(
  stack: string,
  production: boolean,
  env: NodeJS.ProcessEnv = process.env,
): Custody {
  const { url, secretsProvider } = storeOf(stack, stackConfig(stack), env);
  const folder = url === undefined ? undefined : folderOf(url);
  return {
    stack,
    production,
    backend: url,
    backendInside: folder !== undefined && isInside(folder),
    wanted: secretsProvider,
    inUse: providerInUse(readFileSync(stackFile(stack), "utf8")),
    passphrase: passphraseOf(env),
  };
}

/** What encrypts a stack's secrets, according to its file. */
export function providerInUse(stackFileText: string): string | undefined {
  const { secretsprovider, encryptionsalt } = parse(stackFileText) as Record<string, unknown>;
  if (typeof secretsprovider === "string" && secretsprovider !== "") {
    return secretsprovider;
  }
  return encryptionsalt === undefined ? undefined : "passphrase";
}

/** Looks in the same order as Pulumi: the variable goes before the file. */
function passphraseOf(env: NodeJS.ProcessEnv): Passphrase {
  const value = env["PULUMI_CONFIG_PASSPHRASE"];
  const file = env["PULUMI_CONFIG_PASSPHRASE_FILE"];
  if (value !== undefined) {
    return { from: "variable", empty: value === "" };
  }
  if (!file) {
    return { from: "nowhere" };
  }
  const path = resolve(projectRoot, file);
  const real = realPath(path);
  return {
    from: "file",
    path: file,
    exists: real.exists,
    inside: isInside(path),
    tracked: isTracked(path) || isTracked(real.path),
  };
}

/** The path with symbolic links followed, as far as it exists. */
function realPath(path: string): { readonly path: string; readonly exists: boolean } {
  try {
    return { path: realpathSync(path), exists: true };
  } catch {
    const parent = dirname(path);
    return parent === path
      ? { path, exists: false }
      : { path: join(realPath(parent).path, basename(path)), exists: false };
  }
}

/** Whether a path, or what it links to, is in this project's repository. */
function isInside(path: string): boolean {
  const root = realpathSync(repositoryRoot());
  return [resolve(path), realPath(path).path].some((found) => {
    const way = relative(root, found);
    return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}

/** The top folder of the project's Git repository; the project's own folder if there is none. */
function repositoryRoot(): string {
  return git(projectRoot, "rev-parse", "--show-toplevel")?.trim() || projectRoot;
}

function isTracked(path: string): boolean {
  return git(dirname(path), "ls-files", "--error-unmatch", "--", basename(path)) !== undefined;
}

/** Git's answer; undefined if it fails or is not installed. */
function git(folder: string, ...args: string[]): string | undefined {
  try {
    return execFileSync("git", ["-C", folder, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  } catch {
    return undefined;
  }
}
