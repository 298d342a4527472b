/**
 * A copy of the project in a folder of its own, with a stack, ports and a state of its own: what a
 * test does to it touches neither the checkout nor a dev stack that is deployed beside it.
 */
import { execFileSync, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parse, stringify } from "yaml";
import { projectRoot } from "../../machine/paths.ts";
import { tryToListen } from "../../stack/preflight.ts";

export interface Result {
  readonly code: number;
  /** Standard output and standard error, as they came. */
  readonly output: string;
  readonly stdout: string;
}

export interface Ports {
  readonly kms: number;
  readonly backend: number;
  readonly kmsBind: number;
  readonly backendBind: number;
}

/** The keys of the stack's config, as in its file. */
export type StackConfig = Record<string, unknown>;

export class Project {
  readonly dir: string;
  readonly stack: string;
  readonly ports: Ports;
  /** Set for what is run from now on. */
  env: Readonly<Record<string, string>> = {};

  private constructor(dir: string, stack: string, ports: Ports) {
    this.dir = dir;
    this.stack = stack;
    this.ports = ports;
  }

  /** A copy whose stack is the embedded default on free ports, unless they are given. */
  static async create(
    stack = `it-${randomBytes(3).toString("hex")}`,
    given?: Ports,
  ): Promise<Project> {
    const modules = join(projectRoot, "node_modules");
    if (!existsSync(join(modules, ".cybexp-lockfile"))) {
      // The copy would install its own, which takes half a minute.
      throw new Error("the dependencies are not installed: run `npm test`, or any `npm run` once");
    }
    const dir = mkdtempSync(join(tmpdir(), "cybexp-test-"));
    copyWorkingTree(dir);
    symlinkSync(modules, join(dir, "node_modules"));

    const ports = given ?? (await chosenPorts());
    const { kms, backend, kmsBind, backendBind } = ports;
    const project = new Project(dir, stack, ports);
    const dev = parse(readFileSync(join(dir, "Pulumi.dev.yaml"), "utf8")) as {
      config: StackConfig;
    };
    project.writeConfig(dev.config);
    project.configure((config) => {
      Object.assign(config["cybexp:kms"] as object, { listen: kms, bind: `127.0.0.1:${kmsBind}` });
      Object.assign(config["cybexp:backend"] as object, {
        listen: backend,
        bind: `127.0.0.1:${backendBind}`,
      });
    });
    return project;
  }

  /**
   * Puts another version of the code in this one's place; the stack's file, state and passphrase stay.
   *
   * @param commit The working tree's when it is left out.
   */
  useCode(commit?: string): void {
    const kept = new Set([basename(this.configFile), ".cybexp", "node_modules"]);
    for (const name of readdirSync(this.dir).filter((name) => !kept.has(name))) {
      rmSync(join(this.dir, name), { recursive: true });
    }
    if (commit === undefined) {
      copyWorkingTree(this.dir);
      return;
    }
    const archive = execFileSync("git", ["archive", commit], {
      cwd: projectRoot,
      maxBuffer: 2 ** 28,
    });
    execFileSync("tar", ["-xf", "-", "-C", this.dir], { input: archive });
  }

  get configFile(): string {
    return this.#stackFile(this.stack);
  }

  #stackFile(stack: string): string {
    return join(this.dir, `Pulumi.${stack}.yaml`);
  }

  /** The stack's file, to the byte. */
  readStackFile(): string {
    return readFileSync(this.configFile, "utf8");
  }

  writeStackFile(stack: string, text: string): void {
    writeFileSync(this.#stackFile(stack), text);
  }

  /** The same copy with STACK set to another name. */
  withStack(stack: string): Project {
    return new Project(this.dir, stack, this.ports);
  }

  readConfig(): StackConfig {
    return (parse(readFileSync(this.configFile, "utf8")) as { config: StackConfig }).config;
  }

  /** Whatever else is in the file, such as the salt of its secrets, stays. */
  writeConfig(config: StackConfig): void {
    const before = existsSync(this.configFile) ? (parse(this.readStackFile()) as object) : {};
    writeFileSync(this.configFile, stringify({ ...before, config }));
  }

  /** Edits the stack's config in its file. */
  configure(edit: (config: StackConfig) => void): void {
    const config = this.readConfig();
    edit(config);
    this.writeConfig(config);
  }

  /** Runs `npm run -s NAME -- ARGS` and waits for its end. */
  async npm(name: string, ...args: string[]): Promise<Result> {
    const child = this.start(name, ...args);
    return this.end(child);
  }

  /** Starts `npm run -s NAME -- ARGS` in a process group of its own. */
  start(name: string, ...args: string[]): ChildProcess {
    return this.#start("ignore", name, args);
  }

  /** Runs `npm run -s NAME -- ARGS` with a text on its standard input, and waits for its end. */
  feed(input: string, name: string, ...args: string[]): Promise<Result> {
    const child = this.#start("pipe", name, args);
    child.stdin?.end(input);
    return this.end(child);
  }

  #start(stdin: "ignore" | "pipe", name: string, args: readonly string[]): ChildProcess {
    return spawn("npm", ["run", "-s", name, "--", ...args], {
      cwd: this.dir,
      detached: true,
      stdio: [stdin, "pipe", "pipe"],
      env: { ...process.env, STACK: this.stack, ...this.env },
    });
  }

  end(child: ChildProcess): Promise<Result> {
    let output = "";
    let stdout = "";
    child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      stdout += text;
    });
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (output += text));
    return new Promise((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code: code ?? -1, output, stdout }));
    });
  }

  /** Runs the CLI on this stack. */
  pulumi(...args: string[]): Promise<Result> {
    return this.npm("pulumi", ...args, "--stack", this.stack, "--non-interactive");
  }

  /** The stack's outputs, secrets in clear. */
  async outputs(): Promise<Record<string, unknown>> {
    const result = await this.npm(
      "pulumi",
      "stack",
      "output",
      "--json",
      "--show-secrets",
      "--stack",
      this.stack,
    );
    return JSON.parse(result.stdout) as Record<string, unknown>;
  }

  /** What Docker has of this stack: names of containers, networks and volumes. */
  leftovers(): string[] {
    const list = (kind: string, name: string, ...all: string[]) =>
      docker(kind, "ls", ...all, "--format", `{{.${name}}}`)
        .split("\n")
        .filter((found) => found.startsWith(`cybexp-${this.stack}-`))
        .map((found) => `${kind} ${found}`);
    return [
      ...list("container", "Names", "--all"),
      ...list("network", "Name"),
      ...list("volume", "Name"),
    ];
  }

  /** Takes the stack down and the folder away; what `down` could not remove, by its name. */
  async remove(): Promise<void> {
    if (this.leftovers().length > 0) {
      await this.npm("down", "--yes");
    }
    for (const [kind = "", name = ""] of this.leftovers().map((found) => found.split(" "))) {
      docker(kind, "rm", ...(kind === "network" ? [] : ["--force"]), name);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** Runs `docker` and gives its standard output. */
export function docker(...args: string[]): string {
  return execFileSync("docker", args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  }).trim();
}

/** Runs `docker` and gives both its outputs, whatever its exit code. */
export function dockerOutput(...args: string[]): string {
  const { stdout, stderr } = spawnSync("docker", args, { encoding: "utf8" });
  return stdout + stderr;
}

/**
 * Ports of 127.0.0.1 that nobody listens at, and that stay free between the runs of a test. The system
 * gives outgoing connections their ports from 32768 on, so one of those may be taken a moment later.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) {
    const port = randomInt(10_000, 32_768);
    if ((await tryToListen("127.0.0.1", port)) === undefined) {
      ports.add(port);
    }
  }
  return [...ports];
}

async function chosenPorts(): Promise<Ports> {
  const [kms = 0, backend = 0, kmsBind = 0, backendBind = 0] = await freePorts(4);
  return { kms, backend, kmsBind, backendBind };
}

/** What git knows of the project, as it is now. */
function copyWorkingTree(dir: string): void {
  const tracked = execFileSync(
    "git",
    ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    { cwd: projectRoot, encoding: "utf8" },
  );
  for (const file of tracked.split("\0").filter(Boolean)) {
    // Git lists what was deleted and not committed, too.
    if (existsSync(join(projectRoot, file))) {
      cpSync(join(projectRoot, file), join(dir, file));
    }
  }
}
