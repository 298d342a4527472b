/** Whether a stack's state and the key to it are where they may be, looked at before anything is done. */
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
      /** Whether it lies in the repository's folder, symbolic links followed. */
      readonly inside: boolean;
      /** Whether a repository, this one or another, has it. */
      readonly tracked: boolean;
    };

/** All that decides whether a stack may be deployed from here. */
export interface Custody {
  readonly stack: string;
  readonly production: boolean;
  /** The backend's URL; undefined for the embedded one. */
  readonly backend: string | undefined;
  /** Whether the backend is a folder in the repository. */
  readonly backendInside: boolean;
  /** `cybexp:state.secretsProvider`. */
  readonly wanted: string | undefined;
  /** What Pulumi has written of it into the stack's file; undefined before the first deployment. */
  readonly inUse: string | undefined;
  readonly passphrase: Passphrase;
}

/**
 * The stack's settings, for a command that is to deploy it or show what that would do.
 *
 * @throws UserError when they can't be taken, or the state or its passphrase is where it may not be
 */
export function settingsToDeploy(stack: string): StackSettings {
  const settings = settingsOf(stack);
  const refusal = refusalOf(custodyOf(stack, settings.production));
  if (refusal !== undefined) {
    throw new UserError(refusal);
  }
  return settings;
}

/** Why the stack can't be deployed like this, in one sentence that says what to do; undefined if it can. */
export function refusalOf(custody: Custody): string | undefined {
  const { stack, production, backend, backendInside, wanted, inUse, passphrase } = custody;
  const file = `Pulumi.${stack}.yaml`;
  const subject = `${stack} is a production stack`;
  if (production && backend === undefined) {
    return (
      `${subject}, and ${STATE_IN_CLONE}: set cybexp:state.backend in ${file}, ` +
      `for example to ${BACKEND_EXAMPLES} (docs/environments.md)`
    );
  }
  if (production && backendInside) {
    return `${subject}, and its state would lie in the repository's folder (${backend}): set cybexp:state.backend in ${file} to a place outside of it`;
  }
  if (wanted !== undefined && inUse !== undefined && wanted !== inUse) {
    return (
      `cybexp:state.secretsProvider in ${file} is ${wanted}, and the stack's secrets are encrypted by ${inUse}: ` +
      `run \`STACK=${stack} npm run pulumi -- stack change-secrets-provider "${wanted}"\`, or set it back`
    );
  }
  const own = backend !== undefined && isPulumiCloud(backend) ? "default" : "passphrase";
  const provider = inUse ?? wanted ?? own;
  const needsPassphrase = provider === "passphrase" || (provider === "default" && own !== provider);
  return needsPassphrase && backend !== undefined
    ? passphraseRefusal(stack, production, passphrase)
    : undefined;
}

/** Of a stack whose secrets are encrypted by a passphrase, and whose state is not this clone's own. */
function passphraseRefusal(
  stack: string,
  production: boolean,
  passphrase: Passphrase,
): string | undefined {
  const give =
    "set PULUMI_CONFIG_PASSPHRASE_FILE to a file outside of the repository that you alone can read";
  const move = "move it out, or choose a key service (docs/environments.md)";
  const subject = `${stack} is a production stack, and`;
  switch (passphrase.from) {
    case "nowhere":
      return `the secrets of ${stack} are encrypted by a passphrase, and none is given: ${give}`;
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
        return `${subject} ${named} is in a Git repository: change the passphrase, since whoever has the repository has it, and ${give}`;
      }
      return production && passphrase.inside
        ? `${subject} ${named} lies in the repository's folder: ${move}`
        : undefined;
    }
  }
}

/** Looks at the stack's file, the environment, and the files that it names. */
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

/** What encrypts a stack's secrets, as its file has it. */
export function providerInUse(stackFileText: string): string | undefined {
  const { secretsprovider, encryptionsalt } = parse(stackFileText) as Record<string, unknown>;
  if (typeof secretsprovider === "string" && secretsprovider !== "") {
    return secretsprovider;
  }
  return encryptionsalt === undefined ? undefined : "passphrase";
}

/** As Pulumi looks for it: the variable goes before the file. */
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

/** The path with symbolic links followed, as far as there is something. */
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

/** Whether a path, by its name or by what it leads to, is in the repository that has this project. */
function isInside(path: string): boolean {
  const root = realpathSync(repositoryRoot());
  return [resolve(path), realPath(path).path].some((found) => {
    const way = relative(root, found);
    return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
  });
}

/** The folder of the Git repository that the project is in; the project's own where there is none. */
function repositoryRoot(): string {
  return git(projectRoot, "rev-parse", "--show-toplevel")?.trim() || projectRoot;
}

function isTracked(path: string): boolean {
  return git(dirname(path), "ls-files", "--error-unmatch", "--", basename(path)) !== undefined;
}

/** What Git answers; undefined where it refuses, or is not installed. */
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
