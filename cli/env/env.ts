import { existsSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import { collectAnswers, type Flags } from "./answers.ts";
import { nextSteps } from "./next.ts";
import { takenListeners } from "./ports.ts";
import { openPrompt } from "./prompt.ts";
import { renderEnvironment } from "./render.ts";
import { UserError } from "../../programs/errors.ts";
import { createFile } from "../../machine/files.ts";
import { projectRoot } from "../../machine/paths.ts";
import { requireStackName } from "../../stack/configFile.ts";

/** The flags of `npm run env`, as commander reads them: the names in `env/questions.ts`, and `yes`. */
export type EnvOptions = Readonly<Record<string, string | boolean | readonly string[]>>;

/** `npm run env -- NAME`: writes a new environment's file, from questions or flags. */
export async function env(name: string, { yes, ...options }: EnvOptions): Promise<void> {
  requireNewName(name);
  const flags = flagsOf(options);
  const prompt = yes ? undefined : openPrompt();
  prompt?.say(
    `Pulumi.${name}.yaml will be the config of ${name}. Press Enter for the default in brackets, or Ctrl-C to stop without a change.\n`,
  );
  const values = await collectAnswers(flags, takenListeners(), prompt).finally(() =>
    prompt?.close(),
  );
  const text = renderEnvironment(values, [
    `The environment ${name}. All keys and their defaults: docs/reference.md. For operators:`,
    "docs/environments.md.",
  ]);
  requireReadable(name, text);
  if (!createFile(fileOf(name), text, 0o666)) {
    throw new UserError(there(name));
  }
  process.stdout.write(nextSteps(name, values));
}

const fileOf = (name: string) => join(projectRoot, `Pulumi.${name}.yaml`);

const there = (name: string) =>
  `Pulumi.${name}.yaml exists already and was not changed: edit it, or choose another name`;

function requireNewName(name: string): void {
  requireStackName(name);
  if (name.endsWith(".example")) {
    throw new UserError(`${name} is the name of an example file: choose another one`);
  }
  // This includes `dev`, the embedded default.
  if (existsSync(fileOf(name))) {
    throw new UserError(there(name));
  }
}

/** The flags as text, whatever commander made of them: `--no-production` is "no". */
function flagsOf(options: Omit<EnvOptions, "yes">): Flags {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      const flag = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      if (typeof value === "boolean") {
        return [flag, value ? "yes" : "no"];
      }
      return [flag, typeof value === "string" ? value : value.join(",")];
    }),
  );
}

/** Checks, before the file is written, that the program will accept it. */
function requireReadable(name: string, text: string): void {
  const { config } = parse(text) as { config: Record<string, unknown> };
  const values = Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace(/^cybexp:/, ""), value]),
  );
  try {
    readSettings({ stack: name, values, secretKeys: new Set() });
  } catch (error) {
    throw error instanceof SettingsError ? new UserError(error.message) : error;
  }
}
