/** Every `npm run` command, by name. */
import { Command } from "commander";
import type { DoctorOptions } from "./doctor/doctor.ts";
import type { EnvOptions } from "./env/env.ts";
import type { AdoptOptions } from "./adopt/adopt.ts";
import type { RestoreOptions } from "./restore/openBackup.ts";
import type { ModuleOptions } from "./module/module.ts";
import { report } from "../programs/errors.ts";
import { obeySignals } from "../machine/signals.ts";

obeySignals();

const program = new Command("npm run")
  .description("CYBEX-P behind a TLS proxy. STACK=name picks the stack; the default is dev.")
  .configureHelp({ showGlobalOptions: false });

/** A command's module is loaded only when it is called, so `up` need not wait for the tests' libraries. */
program
  .command("up")
  .description("deploy the stack as its config says")
  .action(async () => (await import("./up/up.ts")).up());
program
  .command("preview")
  .description("show a summary of what `up` would do")
  .argument("[args...]", "passed to `pulumi preview`")
  .option("--diff", "also show Pulumi's own diff")
  .option("--comment <file>", "also write the summary and the diff as Markdown")
  .allowUnknownOption()
  .action(async (args: string[], options: { diff?: boolean; comment?: string }) =>
    (await import("./preview/preview.ts")).preview(args, options),
  );
program
  .command("pull-request")
  .description("show what the checked-out change would do, by a rehearsal on this machine's Docker")
  .requiredOption("--base <ref>", "the branch that the change will be merged into")
  .option("--comment <file>", "also write the summary and the diff as Markdown")
  .option("--stacks <names>", "only these environments, separated by commas")
  .action(async (options: { base: string; comment?: string; stacks?: string }) =>
    (await import("./pull-request/pullRequest.ts")).pullRequest(options),
  );
program
  .command("drift")
  .description("show what was changed by hand since the last `up`; exit code 2 if anything was")
  .option("--report <file>", "also write it to a file as JSON")
  .action(async (options: { report?: string }) =>
    (await import("./drift/drift.ts")).drift(options),
  );
program
  .command("down")
  .description("remove what the stack created; data is kept unless it is a throw-away stack")
  .option("--yes", "do not ask")
  .action(async (options: { yes?: boolean }) => (await import("./down/down.ts")).down(options));
program
  .command("backup")
  .description("write records, accounts, keys and state into one encrypted file, while all serves")
  .action(async () => (await import("./backup/backup.ts")).backup());
program
  .command("adopt")
  .description("bring in what CYBEX-P has where its own compose files run it")
  .requiredOption("--kms-secrets <folder>", "the folder that the old KMS has at /secrets")
  .requiredOption("--kms-db <uri>", "its database: mongodb://..., or a file that has it")
  .requiredOption("--backend-db <uri>", "the old Backend's database, likewise")
  .option("--replace", "although the stack has data, which is lost")
  .action(async (options: AdoptOptions) => (await import("./adopt/adopt.ts")).adopt(options));
program
  .command("restore")
  .description("put a backup into a stack, deployed or empty")
  .argument("[file]", "the backup")
  .option("--replace", "replace the data that the stack has")
  .option("--from-stack <name>", "the backup is another stack's, or an earlier deployment's")
  .option("--identity <file>", "the secret key of one of its recipients, as age-keygen writes it")
  .option("--passphrase-file <file>", "its passphrase, unless it is the one in the stack's config")
  .option("--state-only", "put back the state alone, for an engine that still has the data")
  .option("--undo", "instead, put back what an interrupted restore was replacing")
  .action(async (file: string | undefined, options: RestoreOptions) =>
    (await import("./restore/restore.ts")).restore(file, options),
  );
program
  .command("pulumi")
  .description("run the Pulumi CLI in the stack's environment")
  .argument("[args...]", "its arguments")
  .allowUnknownOption()
  .helpOption(false)
  .action(async (args: string[]) => (await import("./pulumi/pulumi.ts")).pulumi(args));
program
  .command("doctor")
  .description("show what is wrong with the deployed stack and what to do; changes nothing")
  .option("--metrics <file>", "also write when certificates expire, for Prometheus' node_exporter")
  .option("--json", "print JSON in place of lines")
  .option("--report <file>", "also write a page with all that, a map and charts, as one HTML file")
  .option("--strict", "exit code 3 for warnings; 0 otherwise. Errors are 1, and 2 if it can't look")
  .action(async (options: DoctorOptions) => (await import("./doctor/doctor.ts")).doctor(options));
program
  .command("images")
  .description("pull or build the demo images that the stack's config names")
  .action(async () => (await import("./up/up.ts")).images());
program
  .command("client")
  .description("write the files that the owner of a client certificate needs")
  .argument("<name>", "the client, as in cybexp:clients")
  .option("--csr <file>", "instead, check a certificate request that was created elsewhere")
  .option("--write", "with --csr: put it into the stack's file; the next `up` signs it")
  .action(async (name: string, options: { csr?: string; write?: boolean }) =>
    (await import("./client/client.ts")).client(name, options),
  );
program
  .command("module")
  .description("write the folder of a collector or query module that runs elsewhere, or refresh it")
  .argument("[name]", "the user, as in cybexp:users")
  .option("--kind <kind>", "collector or query", "collector")
  .option("--to <folder>", "write there; the default is modules/<stack>/<name>-<kind>")
  .option("--image <image>", "the module's image")
  .option("--overwrite", "replace files that were changed, or that this command did not write")
  .option("--check <folder>", "only look whether the keys in a module's folder are keys")
  .action(async (name: string | undefined, options: ModuleOptions) =>
    (await import("./module/module.ts")).module(name, options),
  );
program
  .command("env")
  .description("write a new environment's file, from questions or flags")
  .argument("<name>", "the stack's name: the file is Pulumi.<name>.yaml")
  .option("--production", "it serves real data; --no-production: it does not")
  .option("--no-production")
  .option("--throwaway", "`npm run down` may remove its data")
  .option("--server-name <name>", "the name that clients call")
  .option("--address <ip>", "the Docker host's address in the network of those clients")
  .option("--kms-image <image>")
  .option("--backend-image <image>")
  .option("--database-image <image>")
  .option("--proxy-image <image>")
  .option("--kms-listen <port>", "the proxy's port for the KMS")
  .option("--backend-listen <port>", "the proxy's port for the Backend")
  .option("--kms-bind <ip:port>", "where the operator reaches the KMS itself")
  .option("--backend-bind <ip:port>", "where the operator reaches the Backend itself")
  .option("--user <name...>", "who may call the services")
  .option("--client <name...>", "who gets a client certificate")
  .option("--access <word>", "what lets a caller in: password, certificate, either or both")
  .option("--backend <url>", "where the state is kept")
  .option("--secrets-provider <provider>", "what encrypts the secrets in the state")
  .option("--yes", "do not ask: use the defaults for what is not given")
  .action(async (name: string, options: EnvOptions) =>
    (await import("./env/env.ts")).env(name, options),
  );
program
  .command("docs")
  .description("write docs/reference.md from the code")
  .action(async () => (await import("../dev/docs.ts")).main([]));
program
  .command("build")
  .description("build the npm package of the components into dist/package/")
  .action(async () => (await import("../dev/build.ts")).build());
program
  .command("check")
  .description("run the compiler, linters, format check and unit tests; needs no engine")
  .action(async () => (await import("../dev/test.ts")).check());
program
  .command("lint:workflows")
  .description("lint .github with actionlint and zizmor")
  .action(async () => (await import("../dev/lintWorkflows.ts")).lintWorkflows());
program
  .command("test")
  .description("run all tests except the long ones")
  .action(async () => (await import("../dev/test.ts")).test());
program
  .command("test:long")
  .description("run the long tests: rotations and replacements under load, killed at every step")
  .action(async () => (await import("../dev/test.ts")).testLong());
program
  .command("bench")
  .description("run a benchmark")
  .argument("<name>", "rotation or scale")
  .action(async (name: string) => (await import("../bench/main.ts")).bench(name));

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
