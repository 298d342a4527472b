/** Asks the KMS from inside its container: its database, its key files, its HTTP interface and its own program. */
import { z } from "zod";
import type { Answer, KmsAccount } from "../../render/kmsAccounts.ts";
import { CALL, FORGET, LOOK, MAKE_ADMINISTRATOR } from "../../render/kmsScripts.ts";
import type { Docker } from "../docker/docker.ts";
import { UserError } from "../errors.ts";

/** Seconds: the KMS waits half a minute for its database, and up to five seconds before it checks a password. */
const CALL_PATIENCE = 45;

const attributes = z.array(z.string()).nullable();
const account = z.object({
  account: z.object({ admin: z.boolean(), made: z.string() }).nullable(),
  recorded: attributes,
  key: z.object({ attributes, older: z.boolean() }).nullable(),
});
const looked = z.object({ found: z.record(z.string(), account).nullable() });
const made = z.object({ made: z.boolean(), said: z.string().nullable() });
const answers = z.array(z.object({ status: z.number(), size: z.number(), text: z.string() }));

export interface Call {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly token?: string;
  readonly body?: unknown;
}

/** The KMS in its container. */
export class KmsInside {
  readonly #docker: Docker;
  readonly #container: string;

  constructor(docker: Docker, container: string) {
    this.#docker = docker;
    this.#container = container;
  }

  /**
   * What it has under these names; undefined if its database does not answer.
   *
   * @param patience Seconds.
   */
  async look(
    names: readonly string[],
    patience = 20,
  ): Promise<Map<string, KmsAccount> | undefined> {
    const { found } = await this.#run(LOOK, { names, patience }, looked, patience + 30);
    return found === null ? undefined : new Map(Object.entries(found));
  }

  /** Removes users and their keys, so that the KMS can make both again. */
  async forget(names: readonly string[]): Promise<void> {
    if (names.length > 0) {
      await this.#run(FORGET, { names }, z.object({ done: z.literal(true) }), 60);
    }
  }

  /** @throws UserError if the KMS's own program did not make it */
  async makeAdministrator(name: string, password: string): Promise<void> {
    const result = await this.#run(MAKE_ADMINISTRATOR, { name, password }, made, 120);
    if (!result.made) {
      throw new UserError(
        `the KMS's add_account.py did not make the administrator ${name}: ${result.said ?? "it did not say why"}`,
      );
    }
  }

  /** Sends them at the same time. The text of an answer is kept only if it is no success. */
  async call(calls: readonly Call[], patience = CALL_PATIENCE): Promise<Answer[]> {
    return calls.length === 0
      ? []
      : this.#run(
          CALL,
          calls.map((one) => ({ ...one, patience })),
          answers,
          60 + calls.length * patience,
        );
  }

  /** Runs a script with its input on standard input, where alone a secret may be. */
  async #run<T>(
    script: string,
    input: unknown,
    form: z.ZodType<T>,
    timeoutSeconds: number,
  ): Promise<T> {
    const args = ["exec", "--interactive", this.#container, "python3", "-c", script];
    const result = await this.#docker.attempt(args, {
      input: JSON.stringify(input),
      timeoutSeconds,
    });
    const parsed = form.safeParse(jsonIn(result.stdout));
    if (parsed.success) {
      return parsed.data;
    }
    // Its output may quote the input.
    throw new UserError(
      `the KMS can't be asked in its container ${await this.#name()}: ${
        result.timedOut ? "no answer in time" : why(result.all)
      }`,
    );
  }

  async #name(): Promise<string> {
    const info = await this.#docker.inspect<{ Name: string }>("container", this.#container);
    return info?.Name.slice(1) ?? this.#container;
  }
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text.trim().split("\n").at(-1) ?? "");
  } catch {
    return undefined;
  }
}

/** Only words that are known to be harmless. */
function why(output: string): string {
  const [, module] = /ModuleNotFoundError: No module named '([\w.]+)'/.exec(output) ?? [];
  if (module !== undefined) {
    return `its image has no Python module ${module}`;
  }
  if (/executable file not found/.test(output)) {
    return "its image has no python3";
  }
  if (/is not running|no such container|is paused|is restarting/i.test(output)) {
    return "it does not run";
  }
  const [error] = /^\w+(Error|Exception)(?=:|$)/m.exec(output) ?? [];
  return error === undefined ? "see its log" : `Python ended with ${error}`;
}
