/**
 * One of the examples outside the repository, with the package as `npm pack` makes it, and Pulumi's state
 * beside it.
 */
import { randomBytes } from "node:crypto";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { pulumiEnvironment } from "../../stack/configFile.ts";
import { ensureToolchain } from "../../machine/toolchain.ts";
import { docker, freePorts, Project, type Result } from "./project.ts";

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** Packs a clean copy of the project, as `npm publish` would; gives the tarball's place. */
export async function pack(into: string): Promise<string> {
  const copy = await Project.create();
  try {
    await execa("npm", ["pack", "--silent", "--pack-destination", into], { cwd: copy.dir });
    return join(into, `cybexp-pulumi-${manifestOf(copy.dir).version}.tgz`);
  } finally {
    await copy.remove();
  }
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

export class Example {
  readonly dir: string;
  /** The tarball where the example's package.json expects it. */
  readonly tarball: string;
  readonly stack = `t-${randomBytes(3).toString("hex")}`;
  /** What the CLI is run by. @default nothing */
  entrance: readonly string[] = [];
  /** Added to the CLI's environment. */
  env: Readonly<Record<string, string>> = {};
  readonly #root: string;
  readonly #name: string;

  private constructor(root: string, name: string, tarball: string) {
    this.#root = root;
    this.#name = name;
    this.tarball = tarball;
    this.dir = join(root, "examples", name);
  }

  static async create(): Promise<Example> {
    const [port = 0] = await freePorts(1);
    return Example.of("http-service", {
      image: "cybexp-demo/backend:1",
      proxyImage: "cybexp-demo/nginx:1",
      port,
    });
  }

  /** The example in that folder, with a config. */
  static async of(name: string, config: Readonly<Record<string, unknown>>): Promise<Example> {
    const root = mkdtempSync(join(tmpdir(), "cybexp-example-"));
    const example = new Example(root, name, await pack(root));
    cpSync(join(projectRoot, "examples", name), example.dir, { recursive: true });
    await example.#install();
    const keys = Object.entries(config).map(([key, value]) => [`${name}:${key}`, value]);
    example.write(
      `Pulumi.${example.stack}.yaml`,
      stringify({ config: Object.fromEntries(keys) as object }),
    );
    return example;
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.dir, file), text);
  }

  read(file: string): string {
    return readFileSync(join(this.dir, file), "utf8");
  }

  /**
   * The package from its tarball; of the project's modules what the two manifests name, and nothing
   * else: an import of anything more fails as it would after `npm install`.
   */
  async #install(): Promise<void> {
    const modules = join(this.dir, "node_modules");
    const installed = join(modules, "cybexp-pulumi");
    mkdirSync(installed, { recursive: true });
    await execa("tar", ["-xzf", this.tarball, "-C", installed, "--strip-components=1"]);
    const { dependencies, peerDependencies } = manifestOf(installed);
    for (const name of Object.keys({ ...dependencies, ...peerDependencies })) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(projectRoot, "node_modules", name), join(modules, name));
    }
  }

  /** Runs the CLI; a failure is in the result, not thrown. */
  pulumi(...args: string[]): Promise<Result> {
    return this.#pulumi(args);
  }

  /** Sets a secret of the config, of one or several lines. */
  setSecret(key: string, value: string): Promise<Result> {
    return this.#pulumi(["config", "set", "--secret", key], value);
  }

  async #pulumi(args: readonly string[], input = ""): Promise<Result> {
    const toolchain = await ensureToolchain();
    const [program = "", ...words] = [...this.entrance, toolchain.pulumi, ...args];
    const result = await execa(program, [...words, "--non-interactive", "--color=never"], {
      cwd: this.dir,
      env: {
        ...pulumiEnvironment(toolchain, undefined, { url: `file://${this.#root}` }),
        PULUMI_STACK: this.stack,
        PULUMI_CONFIG_PASSPHRASE: "test",
        ...this.env,
      },
      input,
      all: true,
      reject: false,
    });
    return { code: result.exitCode ?? -1, output: result.all, stdout: result.stdout };
  }

  /** Pulumi's state of the stack, as it is kept. */
  state(): string {
    return readFileSync(
      join(this.#root, ".pulumi", "stacks", this.#name, `${this.stack}.json`),
      "utf8",
    );
  }

  /** What an engine has of this stack: names of containers, networks and volumes. */
  leftovers(...engine: string[]): string[] {
    const filter = `--filter=name=${this.#name}-${this.stack}-`;
    return [
      docker(...engine, "container", "ls", "--all", filter, "--format={{.Names}}"),
      docker(...engine, "network", "ls", filter, "--format={{.Name}}"),
      docker(...engine, "volume", "ls", filter, "--format={{.Name}}"),
    ].flatMap((names) => names.split("\n").filter(Boolean));
  }

  async remove(): Promise<void> {
    if (this.leftovers().length > 0) {
      await this.pulumi("destroy", "--yes", "--skip-preview");
    }
    rmSync(this.#root, { recursive: true, force: true });
  }
}
