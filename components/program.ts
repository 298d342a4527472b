import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { dirname, extname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The programs that Pulumi runs, by where they are in `programs/`. */
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

export interface ProgramArgs {
  readonly program: ProgramName;
  /** What the program reads as JSON on standard input: the only way in for a secret. */
  readonly input: pulumi.Input<Record<string, unknown>>;
  /** Shows in a preview, without secrets, why it runs again (a digest, an id). */
  readonly because?: Readonly<Record<string, pulumi.Input<string>>>;
  /** What runs, with the same input, before the resource is removed. @default nothing */
  readonly leaving?: ProgramName;
  /**
   * The id of a container that it lives and dies with: it runs anew for another one, and `leaving` runs before the old
   * one is removed. @default it lives as long as the stack has it
   */
  readonly livesWith?: pulumi.Input<string>;
  /** Whether its standard error is shown when it succeeds. @default false */
  readonly speaks?: boolean;
  /**
   * Whether it gets what it printed last in PULUMI_COMMAND_STDOUT, which must therefore be no secret. Its
   * standard error is then shown, too. @default false
   */
  readonly remembers?: boolean;
}

/**
 * Runs one of our own programs when its input changes, in place. Behind it there is no resource to create and
 * delete, only "make it so", and sometimes "let it go".
 */
export class Program extends command.local.Command {
  constructor(name: string, args: ProgramArgs, opts: pulumi.CustomResourceOptions) {
    const run = commandFor(args.program);
    super(
      name,
      {
        create: run,
        update: run,
        ...(args.leaving !== undefined && { delete: commandFor(args.leaving) }),
        stdin: pulumi.jsonStringify(args.input),
        environment: { ...args.because },
        // A changed trigger replaces the resource. The engine removes what depends on a container first.
        ...(args.livesWith !== undefined && { triggers: [args.livesWith] }),
        addPreviousOutputInEnv: args.remembers ?? false,
        // The engine shows the text of a failure anyway. A success has nothing to say in the log.
        logging:
          (args.speaks ?? args.remembers)
            ? command.local.Logging.Stderr
            : command.local.Logging.None,
      },
      opts,
    );
  }
}

/**
 * Runs one of our own programs at once, in every `up` and every preview, and returns what it printed. The
 * program may look but must not change anything. If an input is not known yet, the program doesn't run, and the
 * result is unknown.
 */
export function lookNow(
  program: ProgramName,
  input: pulumi.Input<Record<string, unknown>>,
  opts: pulumi.InvokeOptions,
): pulumi.Output<string> {
  return command.local.runOutput(
    {
      command: commandFor(program),
      stdin: pulumi.jsonStringify(input),
      addPreviousOutputInEnv: false,
      logging: command.local.Logging.None,
    },
    opts,
  ).stdout;
}

const commandFor = (program: ProgramName): string => `node ${programPath(program)}`;

/**
 * Relative to the program's folder, so that two operators' clones have the same state. It is JavaScript if this
 * file is: Node takes no TypeScript from node_modules.
 */
function programPath(program: ProgramName): string {
  const own = fileURLToPath(import.meta.url);
  const file = join(dirname(own), "..", "programs", `${PROGRAMS[program]}${extname(own)}`);
  return relative(process.cwd(), file);
}
