import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { execa } from "execa";
import { projectRoot } from "../../machine/paths.ts";
import { ensureToolchain, type Toolchain } from "../../machine/toolchain.ts";

/** What a run of the CLI left. */
export interface Outcome {
  exitCode: number | undefined;
  /** Standard output and error together, without colours. */
  text: string;
}

interface Resource {
  type: string;
  id: string;
  outputs: Record<string, unknown>;
}

/** A Pulumi project of its own in a temporary folder, with its state beside it. */
export interface Sandbox {
  folder: string;
  /** Writes a file of the project. */
  write(file: string, text: string): void;
  /** Runs the CLI to its end; a failure is in the outcome, not thrown. */
  pulumi(...args: string[]): Promise<Outcome>;
  /** Starts the CLI without waiting. */
  start(...args: string[]): ReturnType<typeof startCli>;
  /** The stack's resources as the state has them, by logical name; secrets stay encrypted. */
  state(): Promise<Record<string, Resource>>;
  remove(): void;
}

/** The mark by which the state tells a secret from other objects. */
export const SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270";

/** The toolchain under test: what this machine builds or downloads for the program itself. */
export const toolchain: Toolchain = await ensureToolchain();

const startCli = (folder: string, args: string[]) =>
  execa(toolchain.pulumi, [...args, "--non-interactive", "--color=never"], {
    cwd: folder,
    env: {
      PULUMI_HOME: toolchain.home,
      PULUMI_BACKEND_URL: `file://${folder}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
    },
    all: true,
    reject: false,
    timeout: 50_000,
    forceKillAfterDelay: 2_000,
  });

/**
 * Makes a project `p` with a stack `s` whose program is the given text.
 *
 * @param options The project's runtime options; by default Node runs TypeScript by itself.
 */
export async function makeSandbox(
  program: string,
  options: Record<string, unknown> = { typescript: false },
): Promise<Sandbox> {
  const folder = mkdtempSync(join(tmpdir(), "toolchain-test-"));
  const write = (file: string, text: string) => writeFileSync(join(folder, file), text);
  const modules = options["typescript"] === false;
  symlinkSync(join(projectRoot, "node_modules"), join(folder, "node_modules"));
  write("Pulumi.yaml", JSON.stringify({ name: "p", runtime: { name: "nodejs", options } }));
  write("package.json", modules ? '{"type":"module","main":"index.ts"}' : '{"name":"p"}');
  write("index.ts", program);
  const start: Sandbox["start"] = (...args) => startCli(folder, args);
  const pulumi: Sandbox["pulumi"] = async (...args) => {
    const { exitCode, all } = await start(...args);
    return { exitCode, text: stripVTControlCharacters(all) };
  };
  const sandbox: Sandbox = {
    folder,
    write,
    start,
    pulumi,
    async state() {
      const { stdout } = await start("stack", "export");
      const { deployment } = JSON.parse(stdout) as {
        deployment: { resources: (Resource & { urn: string })[] };
      };
      return Object.fromEntries(
        deployment.resources.map((resource) => [resource.urn.split("::").at(-1) ?? "", resource]),
      );
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
  const { exitCode, text } = await pulumi("stack", "init", "s");
  if (exitCode !== 0) {
    throw new Error(text);
  }
  return sandbox;
}

/** Makes a program's Commands from commands.json: name -> arguments, {"secret": text} for a secret. */
export const commandsProgram = `
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { local } from "@pulumi/command";

const revive = (_key, value) => (typeof value?.secret === "string" ? pulumi.secret(value.secret) : value);
const commands = JSON.parse(readFileSync("commands.json", "utf8"), revive);
for (const [name, args] of Object.entries(commands)) {
  new local.Command(name, args);
}
`;
