/** The programs that Pulumi runs beside the resources, and the commands by which it runs them. */

/**
 * By where they are in `programs/`. A state keeps a program's name and its file until the resource is gone, so
 * neither may change for a program that runs when something is removed.
 */
export const PROGRAMS = {
  accounts: "kms/accounts",
  "await-start": "start/await-start",
  "check-keys": "kms/check-keys",
  "check-kept": "volumes/check-kept",
  "container-limits": "limits/container-limits",
  "collector-close": "collector/close",
  "collector-handback": "collector/handback",
  "collector-handover": "collector/handover",
  crl: "certificates/crl",
  "database-features": "database/database-features",
  "database-reach": "database/database-reach",
  "database-rest": "database/database-rest",
  "database-retire": "database/database-retire",
  "database-step": "database/database-step",
  "database-users": "database/database-users",
  "database-wake": "database/database-wake",
  deliver: "release/deliver",
  "engine-size": "limits/engine-size",
  handback: "replacement/handback",
  handover: "replacement/handover",
  "image-check": "images/image-check",
  "renewal-ends": "certificates/renewal-ends",
  "interim-certificate": "certificates/interim-certificate",
  "keep-volume": "volumes/keep-volume",
  "key-files": "kms/key-files",
  "nginx-version": "release/nginx-version",
  "pull-image": "images/pull-image",
  "rotation-guard": "rotation/rotation-guard",
  "seal-keys": "volumes/seal-keys",
  "sign-request": "certificates/sign-request",
  smoke: "smoke/smoke",
  volume: "volumes/volume",
} as const;

export type ProgramName = keyof typeof PROGRAMS;

/**
 * Raise a program's number if every deployed stack must run it again, although its input is the same: its next
 * `up` does, in place. A new version of the package runs nothing again by itself.
 */
export const REVISIONS: Readonly<Partial<Record<ProgramName, number>>> = {};

/** The module of this package that runs a program by its name: `exports` in package.json has it. */
export const RUN = "cybexp-pulumi/run";

/**
 * The command that runs a program. Node looks for the module from the folder in which the command runs, as an
 * `import` in the operator's program does: so the text is the same wherever a package manager puts the package.
 *
 * @param module Where Node finds this package from there.
 */
export const commandOf = (program: ProgramName, module: string = RUN): string =>
  `node -e "import('${module}')" ${program}`;

/**
 * The program that a command in a state runs.
 *
 * @returns undefined for a command of somebody else
 */
export function programOf(command: unknown): ProgramName | undefined {
  const [, name] = /^node -e "import\('[^']+'\)" ([a-z-]+)$/.exec(String(command)) ?? [];
  // Until version 0.1.0, a command named the program's file.
  const [, file] =
    /^node (?:.*\/)?programs\/([a-z-]+\/[a-z-]+)\.[jt]s$/.exec(String(command)) ?? [];
  const found = Object.entries(PROGRAMS).find(([one, at]) => one === name || at === file);
  return found?.[0] as ProgramName | undefined;
}
