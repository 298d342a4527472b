/** Every `npm run` command, by name. */
import { Command } from "commander";
import { report } from "./lib/errors.ts";
import { obeySignals } from "./lib/signals.ts";

obeySignals();

const program = new Command("npm run")
  .description("CYBEX-P behind a TLS proxy. STACK=name picks the stack; the default is dev.")
  .configureHelp({ showGlobalOptions: false });

/** Each command's module is loaded when it is called: `up` need not wait for the tests' libraries. */
program
  .command("up")
  .description("make the stack what its config says")
  .action(async () => (await import("./up.ts")).up());
program
  .command("preview")
  .description("show what `up` would do")
  .argument("[args...]", "passed to `pulumi preview`")
  .allowUnknownOption()
  .action(async (args: string[]) => (await import("./preview.ts")).preview(args));
program
  .command("down")
  .description("remove all that the stack made")
  .action(async () => (await import("./down.ts")).down());
program
  .command("pulumi")
  .description("run the Pulumi CLI in the stack's environment")
  .argument("[args...]", "its arguments")
  .allowUnknownOption()
  .helpOption(false)
  .action(async (args: string[]) => (await import("./pulumi.ts")).pulumi(args));
program
  .command("doctor")
  .description("say what is wrong with the deployed stack, and what to do; changes nothing")
  .action(async () => (await import("./doctor.ts")).doctor());
program
  .command("images")
  .description("make the demo images that the stack's config names")
  .action(async () => (await import("./up.ts")).images());
program
  .command("client")
  .description("write the files that the owner of a client certificate needs")
  .argument("<name>", "the client, as in cybexp:clients")
  .option("--csr <file>", "instead, check a certificate request that was made elsewhere")
  .option("--write", "with --csr: put it into the stack's file; the next `up` signs it")
  .action(async (name: string, options: { csr?: string; write?: boolean }) =>
    (await import("./client.ts")).client(name, options),
  );
program
  .command("docs")
  .description("write docs/reference.md anew from the code")
  .action(async () => (await import("./docs.ts")).main([]));
program
  .command("check")
  .description("compiler, lint, format and unit tests: what needs no engine")
  .action(async () => (await import("./test.ts")).check());
program
  .command("test")
  .description("run all tests but the long ones")
  .action(async () => (await import("./test.ts")).test());
program
  .command("test:long")
  .description("run the long tests: rotations and replacements under load, killed at every step")
  .action(async () => (await import("./test.ts")).testLong());
program
  .command("bench")
  .description("measure")
  .argument("<name>", "what: rotation or scale")
  .action(async (name: string) => (await import("../bench/main.ts")).bench(name));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
