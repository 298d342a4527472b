/** The settings of the stack that is being deployed, from Pulumi's configuration. */
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { fromPulumi } from "./fromPulumi.ts";
import { SettingsError } from "./problem.ts";
import { readSettings } from "./read.ts";
import { plainSecrets, valuesIn } from "./secrecy.ts";
import type { Settings } from "./types.ts";

const PREFIX = "cybexp:";

/** Names the stack's file if it isn't the usual `Pulumi.<stack>.yaml` (`pulumi --config-file`). */
const CONFIG_FILE = "CYBEXP_CONFIG_FILE";

/**
 * The validated settings of the running program's stack.
 *
 * @throws pulumi.RunError with the report of all problems, which the CLI prints without a trace.
 */
export function loadSettings(): Settings {
  const entries = Object.entries(pulumi.runtime.allConfig())
    .filter(([key]) => key.startsWith(PREFIX))
    .map(([key, text]) => [key.slice(PREFIX.length), fromPulumi(text)] as const);
  const stack = pulumi.getStack();
  const file = stackFile(stack);
  try {
    return readSettings({
      stack,
      values: Object.fromEntries(entries),
      secretKeys: new Set(entries.map(([key]) => key).filter(isSecret)),
      file: valuesIn(file),
      plainSecrets: plainSecrets(file),
    });
  } catch (error) {
    if (error instanceof SettingsError) {
      throw new pulumi.RunError(error.message);
    }
    throw error;
  }
}

/** Asks the SDK's own reader of secret keys, which its declarations leave out. */
function isSecret(key: string): boolean {
  const { isConfigSecret } = pulumi.runtime as { isConfigSecret?: (key: string) => boolean };
  return isConfigSecret?.(PREFIX + key) ?? false;
}

/** The text of the stack's file; empty if there is none, as with the Automation API. */
function stackFile(stack: string): string {
  const named = process.env[CONFIG_FILE];
  const file = resolve(named ?? `Pulumi.${stack}.yaml`);
  if (named === undefined && !existsSync(file)) {
    return "";
  }
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new pulumi.RunError(
      `${named === undefined ? "The stack's file" : CONFIG_FILE} ${file} can't be read (${reason}). ` +
        "Make it readable: it is searched for passwords in plain text.",
    );
  }
}
