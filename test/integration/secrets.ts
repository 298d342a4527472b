/** Finds a stack's secrets in its state, and looks for them where they must not be. */
import { createPrivateKey } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What `pulumi stack export --show-secrets` gives. */
export interface ExportedState {
  readonly deployment: {
    readonly resources: readonly {
      readonly urn: string;
      readonly type: string;
      readonly outputs?: Readonly<Record<string, unknown>>;
    }[];
  };
}

/** Where a secret is looked for: a name for people, and all the text. */
export type Place = readonly [name: string, text: string];

const SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d";

/** A secret of the export in clear, and everything else as it is. */
export function reveal(value: unknown): unknown {
  const box = value as Record<string, unknown> | null;
  return typeof box === "object" && box !== null && SECRET_SIGNATURE in box
    ? JSON.parse(String(box["plaintext"]))
    : value;
}

/** Every generated secret of a state by what it is; salts are none. */
export function secretsOf(state: ExportedState): Map<string, string> {
  const secrets = new Map<string, string>();
  for (const { urn, type, outputs = {} } of state.deployment.resources) {
    const name = urn.split("::").at(-1) ?? urn;
    if (!/^(random|tls):/.test(type) || name.endsWith("-salt")) {
      continue;
    }
    for (const [key, value] of Object.entries(outputs)) {
      const clear = reveal(value);
      // The same number as in privateKeyPem.
      if (key === "privateKeyOpenssh") {
        continue;
      }
      if (clear !== value && typeof clear === "string") {
        secrets.set(`${name}.${key}`, clear);
      }
    }
  }
  return secrets;
}

/** One spelling of a secret. */
export interface Needle {
  readonly secret: string;
  readonly form: string;
  readonly text: string;
}

/** All spellings in which a secret could have got somewhere. */
export function needlesOf(secrets: ReadonlyMap<string, string>): Needle[] {
  return [...secrets].flatMap(([secret, value]) => {
    const bytes = essenceOf(value);
    const plain = bytes.toString("latin1");
    const base64 = base64Forms(bytes);
    const forms: Record<string, string> = {
      "in clear": plain,
      "percent-encoded": encodeURIComponent(plain),
      "in hex": bytes.toString("hex"),
      "in capital hex": bytes.toString("hex").toUpperCase(),
      ...Object.fromEntries(base64.map((text, index) => [`in base64 (${index})`, text])),
      ...Object.fromEntries(
        base64.map((text, index) => [
          `in URL-safe base64 (${index})`,
          text.replaceAll("+", "-").replaceAll("/", "_"),
        ]),
      ),
    };
    const different = Object.entries(forms).filter(
      ([form, text]) => form === "in clear" || text !== plain,
    );
    return different.map(([form, text]) => ({ secret, form, text }));
  });
}

/** Of a private key the number that nobody else knows: the rest of its PEM text is public. */
function essenceOf(value: string): Buffer {
  if (!value.startsWith("-----BEGIN")) {
    return Buffer.from(value, "utf8");
  }
  const { d = "" } = createPrivateKey(value).export({ format: "jwk" });
  return Buffer.from(d, "base64url");
}

/**
 * What of the base64 of any text with these bytes in it is the same whatever surrounds them, as in
 * that of `user:password`: one form for each position in a group of three bytes.
 */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return text.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
  });
}

/** Which secrets are in which places, in one line or over several. */
export function search(places: readonly Place[], needles: readonly Needle[]): string[] {
  return places.flatMap(([place, text]) => {
    // The lines of a PEM text put together again, also where JSON spells their ends.
    const squeezed = text.replace(/\\n|\s/g, "");
    return needles
      .filter((needle) => text.includes(needle.text) || squeezed.includes(needle.text))
      .map(({ secret, form }) => `${place} has ${secret} ${form}`);
  });
}

/** All files under a folder. */
export function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Collects what every process of this machine shows to others, again and again. */
export class ProcessWatch {
  /** Arguments and environments, as /proc has them; the first `up` is watched without the latter. */
  files: readonly ("cmdline" | "environ")[] = ["cmdline", "environ"];
  readonly #seen = new Set<string>();
  #running: Promise<void> | undefined;
  #stopped = false;

  start(): void {
    if (!existsSync("/proc/self/cmdline")) {
      throw new Error("this test reads /proc: it runs on Linux");
    }
    this.#stopped = false;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  get text(): string {
    return [...this.#seen].join("\n");
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      this.sample();
      await sleep(50);
    }
  }

  sample(): void {
    for (const pid of readdirSync("/proc")) {
      if (/^\d+$/.test(pid)) {
        for (const file of this.files) {
          try {
            const entries = readFileSync(`/proc/${pid}/${file}`, "latin1").split("\0");
            // How every Pulumi hands a program its config, and with it the passwords that the operator
            // supplied: it is for the same user's eyes alone.
            const others = entries.filter((entry) => !entry.startsWith("PULUMI_CONFIG="));
            this.#seen.add(others.join("\0"));
          } catch {
            // It has ended.
          }
        }
      }
    }
  }
}
