/**
 * One of the examples outside the repository, with the package as `npm pack` makes it, and Pulumi's state
 * beside it.
 */
import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { pulumiEnvironment } from "../../stack/configFile.ts";
import { ensureToolchain } from "../../machine/toolchain.ts";
import { docker, freePorts, Project, type Result } from "./project.ts";

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** By what an example's packages are installed. */
export type Manager = "npm" | "pnpm";

/** Builds the package from a clean copy of the project and packs it, as for `npm publish`. */
export async function pack(into: string): Promise<string> {
  const copy = await Project.create();
  try {
    const script = 'await (await import("./dev/build.ts")).buildPackage()';
    await execa(process.execPath, ["--input-type=module", "--eval", script], { cwd: copy.dir });
    return await packFolder(join(copy.dir, "dist", "package"), into);
  } finally {
    await copy.remove();
  }
}

/** The same package under another version. Returns the tarball's place, which is beside the first. */
export async function repack(tarball: string, version: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-repack-"));
  try {
    await execa("tar", ["-xzf", tarball, "-C", folder]);
    changeManifest(join(folder, "package"), (manifest) => ({ ...manifest, version }));
    return await packFolder(join(folder, "package"), dirname(tarball));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function packFolder(folder: string, into: string): Promise<string> {
  const flags = ["--silent", "--pack-destination", into];
  const { stdout } = await execa("npm", ["pack", ...flags, folder], { cwd: into });
  return join(into, stdout.trim());
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

function changeManifest(folder: string, change: (manifest: Manifest) => object): void {
  const file = join(folder, "package.json");
  writeFileSync(file, JSON.stringify(change(manifestOf(folder)), null, 2));
}

/**
 * Installs what a folder's package.json names: Pulumi's SDKs in the versions of this project, since newer ones may
 * want plugins that are not there. Everything else is found as the package manager finds it.
 */
export async function install(folder: string, manager: Manager): Promise<void> {
  const { peerDependencies = {}, devDependencies = {} } = manifestOf(projectRoot);
  const sdks = Object.keys(peerDependencies).map((name) => [name, devDependencies[name]]);
  const overrides = Object.fromEntries(sdks) as Record<string, string>;
  changeManifest(folder, ({ dependencies, ...rest }) => ({
    ...rest,
    dependencies: Object.fromEntries(
      Object.entries(dependencies).map(([name, range]) => [name, overrides[name] ?? range]),
    ),
    overrides,
  }));
  // pnpm reads it there.
  writeFileSync(join(folder, "pnpm-workspace.yaml"), stringify({ overrides }));
  const flags = {
    npm: ["--no-audit", "--no-fund", "--no-package-lock"],
    pnpm: ["--no-lockfile", "--no-frozen-lockfile"],
  };
  await execa(manager, ["install", "--ignore-scripts", "--prefer-offline", ...flags[manager]], {
    ...{ cwd: folder, localDir: projectRoot, preferLocal: true, env: { CI: "true" } },
  });
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
  static async of(
    name: string,
    config: Readonly<Record<string, unknown>>,
    manager: Manager = "npm",
  ): Promise<Example> {
    const root = mkdtempSync(join(tmpdir(), "cybexp-example-"));
    const example = new Example(root, name, await pack(root));
    cpSync(join(projectRoot, "examples", name), example.dir, { recursive: true });
    await install(example.dir, manager);
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
