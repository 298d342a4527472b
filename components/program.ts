import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { extname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { commandOf, type ProgramName, REVISIONS, RUN } from "../names/programs.ts";

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
        environment: { ...revisionOf(args.program), ...args.because },
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

/** Shows in a preview that a program runs because a new version of the package wants it to. */
function revisionOf(program: ProgramName): Record<string, string> {
  const revision = REVISIONS[program];
  return revision === undefined ? {} : { REVISION: String(revision) };
}

const commandFor = (program: ProgramName): string =>
  commandOf(program, moduleFrom(process.cwd(), fileURLToPath(OWN_RUN)));

/** JavaScript if this file is. */
const OWN_RUN = new URL(`../programs/run${extname(import.meta.url)}`, import.meta.url);

/**
 * By what name Node finds a module that runs programs from a folder.
 *
 * @returns The package's name for it, or its relative path if Node finds none there, or another copy's: then only
 * another package depends on this one.
 */
export function moduleFrom(folder: string, file: string): string {
  try {
    const found = createRequire(join(folder, "index.js")).resolve(RUN);
    if (realpathSync(found) === realpathSync(file)) {
      return RUN;
    }
  } catch {
    // It is not there.
  }
  // Node reads it as a URL, and the shell has it in quotes.
  const steps = relative(folder, file).split(sep).map(encodeURIComponent);
  return `./${steps.join("/").replaceAll("'", "%27")}`;
}
