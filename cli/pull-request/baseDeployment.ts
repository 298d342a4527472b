/** The rehearsal of one environment: a throw-away stack in Docker, with a state of its own. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { label, rehearsalStack } from "../../names/docker.ts";
import type { Engine } from "../../machine/engine.ts";
import { ensureImages } from "../../machine/images.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { UserError } from "../../programs/errors.ts";
import { step } from "../../machine/progress.ts";
import { type Previewed, type Step } from "../preview/events.ts";
import { runPreview } from "../preview/run.ts";
import { removeLabelled } from "../../stack/recovery.ts";
import { runCaptured } from "../../stack/openSession.ts";
import { pulumiEnvironment } from "../../stack/configFile.ts";
import type { Toolchain } from "../../machine/toolchain.ts";
import { makeSubstitutes } from "./makeSubstitutes.ts";
import type { Children } from "./children.ts";
import { findPlaces, type Places } from "./places.ts";
import { endpointsOf, hostsOf } from "./listeners.ts";
import { type Substitutes, configOf, imagesOf, rehearsal } from "./rehearsal.ts";
import { childEnvironment } from "./childEnvironment.ts";
import {
  demosFor,
  tagSubstitutes,
  missingImages,
  type Part,
  substituteFor,
  untagSubstitutes,
} from "./substituteImages.ts";

/** The folders of the two sides of the change. */
export interface Sides {
  readonly base: string;
  readonly head: string;
}

export interface BaseDeploymentOptions {
  /** The environment's name. */
  readonly name: string;
  /** A folder for this environment alone. */
  readonly folder: string;
  readonly sides: Sides;
  /** The texts of the environment's file. A new environment has none in the base. */
  readonly files: { readonly base: string | undefined; readonly head: string };
  readonly engine: Engine;
  readonly toolchain: Toolchain;
  readonly children: Children;
}

/** A deployment of the base. The head is previewed against it. */
export class BaseDeployment {
  readonly #options: BaseDeploymentOptions;
  /** The throw-away stack's name, which nothing else in Docker has. */
  readonly #stack: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #docker: Docker;
  readonly #substitutes: Substitutes;
  readonly #places: Places;
  /** Parts whose image can't be pulled. A demo image is their substitute. */
  readonly missing: readonly Part[];

  private constructor(
    options: BaseDeploymentOptions,
    stack: string,
    places: Places,
    missing: Part[],
  ) {
    const { folder, engine, toolchain, files } = options;
    const hosts = files.base === undefined ? {} : hostsOf(configOf(files.base), places.place);
    this.#options = options;
    this.#stack = stack;
    this.#places = places;
    this.missing = missing;
    this.#docker = new Docker(engine.host);
    const env = childEnvironment(process.env, { folder, stack, hosts });
    this.#env = pulumiEnvironment(toolchain, engine.host, { url: env["PULUMI_BACKEND_URL"] }, env);
    this.#substitutes = makeSubstitutes(folder, places, missing);
  }

  /** Finds addresses, ports and images for both sides, and writes their files. */
  static async prepare(options: BaseDeploymentOptions): Promise<BaseDeployment> {
    const { name, files, engine, sides } = options;
    const base = files.base === undefined ? {} : configOf(files.base);
    const places = await findPlaces([...endpointsOf(base), ...endpointsOf(configOf(files.head))]);
    // Nothing of the head is started, so its images need not exist.
    const missing = await missingImages(new Docker(engine.host), imagesOf(base));
    const stack = rehearsalStack(name, randomBytes(4).toString("hex"));
    const deployment = new BaseDeployment(options, stack, places, missing);
    for (const side of ["base", "head"] as const) {
      const text = files[side];
      if (text !== undefined) {
        writeFileSync(
          join(sides[side], `Pulumi.${stack}.yaml`),
          rehearsal(text, deployment.#substitutes),
        );
      }
    }
    return deployment;
  }

  /**
   * Deploys the base with its own program and tools.
   *
   * @throws UserError with its own message, if it can't be deployed
   */
  async deploy(): Promise<void> {
    const { name, engine, sides, children } = this.#options;
    await ensureImages(engine, demosFor(this.missing));
    await tagSubstitutes(this.#docker, this.missing);
    const lines: string[] = [];
    await step(`Deploying the base of ${name} with throw-away secrets`, async (progress) => {
      const code = await children.run(process.execPath, [join("cli", "start.mjs"), "up"], {
        cwd: sides.base,
        env: this.#env,
        onLine: (line) => {
          lines.push(line);
          progress.detail(line.trim());
        },
      });
      children.check();
      if (code !== 0) {
        throw new UserError(`the base can't be deployed: ${lastWords(lines)}`);
      }
    });
  }

  /** The state that the base left, with secrets in clear. They are thrown away with it. */
  async exportState(): Promise<unknown> {
    const { code, stdout, stderr } = await this.#pulumi(["stack", "export", "--show-secrets"]);
    if (code !== 0) {
      throw new UserError(`the rehearsal's state can't be read: ${stderr.trim()}`);
    }
    return JSON.parse(stdout) as unknown;
  }

  /** Previews the head's program against the deployed base, in the environment's own terms. */
  async previewHead(
    flags: readonly string[],
  ): Promise<{ readonly failed: boolean; readonly previewed: Previewed }> {
    const { name, engine, files } = this.#options;
    // The program looks up the demo images.
    const demos = imagesOf(configOf(files.head)).map(({ reference }) => reference);
    await ensureImages(engine, demos);
    return step(`Previewing the change of ${name}`, async () => {
      await this.#pulumi(["stack", "select", "--create", this.#stack]);
      const run = await runPreview(
        async (args, env) => {
          const captured = await this.#pulumi(args, env);
          return {
            ...captured,
            stdout: this.#translate(withoutSubstitutes(captured.stdout, this.missing)),
          };
        },
        ["--stack", this.#stack, ...flags],
      );
      const steps = run.previewed.steps.map((each) => this.#originalPorts(each));
      return { ...run, previewed: { ...run.previewed, steps } };
    });
  }

  /** Removes everything that it created in Docker. Says what it can't remove, and how to do it. */
  async remove(): Promise<void> {
    const own = label("stack", this.#stack);
    try {
      await removeLabelled(this.#docker, own);
      await untagSubstitutes(this.#docker, this.missing);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      process.stderr.write(
        `error: the rehearsal's containers, networks or volumes could not be removed (${why}): remove the containers with \`docker rm -f $(docker ps -aq --filter label=${own})\`, and then its networks and volumes\n`,
      );
    }
  }

  #pulumi(args: readonly string[], env: NodeJS.ProcessEnv = {}) {
    const { toolchain, sides, children } = this.#options;
    children.check();
    return runCaptured(toolchain.pulumi, args, {
      cwd: sides.head,
      env: { ...this.#env, ...env },
    });
  }

  #translate(text: string): string {
    return this.missing.reduce(
      (rest, part) => rest.replaceAll(substituteFor(part), part.reference),
      this.#places.translate(text).replaceAll(this.#stack, this.#options.name),
    );
  }

  #originalPorts(changed: Step): Step {
    const original = (inputs: Step["old"]) => {
      const ports: unknown = inputs?.["ports"];
      return Array.isArray(ports)
        ? { ...inputs, ports: ports.map((port) => this.#originalPort(port as PublishedPort)) }
        : inputs;
    };
    return { ...changed, old: original(changed.old), next: original(changed.next) };
  }

  #originalPort(port: PublishedPort): PublishedPort {
    const { ip, external } = port;
    if (typeof external !== "number") {
      return port;
    }
    const place = this.#places.original({ address: ip || "0.0.0.0", port: external });
    return { ...port, ip: place.address, external: place.port };
  }
}

interface PublishedPort {
  readonly ip?: string;
  readonly external?: unknown;
}

/**
 * Leaves out what the policy's rules say about substitutes: only the rule about how a container names its
 * image can find fault with one.
 */
export function withoutSubstitutes(events: string, missing: readonly Part[]): string {
  const substitutes = missing.map(substituteFor);
  return events
    .split("\n")
    .filter((line) => {
      const policy = policyEventIn(line);
      return !(
        policy?.policyName === "pinned-image" &&
        substitutes.some((image) => policy.message.includes(image))
      );
    })
    .join("\n");
}

function policyEventIn(line: string): { policyName: string; message: string } | undefined {
  if (!line.includes('"policyEvent"')) {
    return undefined;
  }
  const { policyEvent } = JSON.parse(line) as {
    policyEvent?: { policyName: string; message: string };
  };
  return policyEvent;
}

/** The last lines of a run's output: its errors, if it printed any. */
function lastWords(lines: readonly string[]): string {
  const first = lines.findIndex((line) => /^(internal )?error: /.test(line));
  const words = first < 0 ? lines.slice(-5) : lines.slice(first);
  const told = words.filter((line) => line !== "" && !line.startsWith("When the cause is gone"));
  return told.join("\n").replace(/^error: /, "") || "it ended without a message";
}
