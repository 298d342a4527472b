import { readFileSync } from "node:fs";
import { SettingsError } from "../settings/problem.ts";
import { nearest } from "../settings/nearest.ts";
import { readSettings } from "../settings/read.ts";
import { schema } from "../settings/schema.ts";
import { plainPasswords } from "../settings/secrecy.ts";
import type { Settings } from "../settings/types.ts";
import { UserError } from "../programs/errors.ts";
import { stackConfig, stackFile } from "./configFile.ts";

/** Stands for a value that only Pulumi can decrypt; it passes for a password. */
const ENCRYPTED = "encrypted-in-the-stack-file";

/**
 * A stack's settings as its file has them, without running Pulumi: so that a mistake is reported
 * before anything is installed, built or touched. What is encrypted is taken to be right.
 *
 * @throws UserError With the same report that the program would give.
 */
export function settingsOf(stack: string): Settings {
  refuseStrayKeys(stack);
  const secretKeys = new Set<string>();
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(stackConfig(stack))) {
    if (key.startsWith("cybexp:")) {
      const name = key.slice("cybexp:".length);
      values[name] = decrypted(value, () => secretKeys.add(name));
    }
  }
  try {
    return readSettings({
      stack,
      values,
      secretKeys,
      plainPasswords: plainPasswords(readFileSync(stackFile(stack), "utf8")),
    });
  } catch (error) {
    throw error instanceof SettingsError ? new UserError(error.message) : error;
  }
}

/** A key of ours under a name that nobody reads would only show as all that is missing without it. */
function refuseStrayKeys(stack: string): void {
  const known = Object.keys(schema.shape).map((name) => `cybexp:${name}`);
  const problems = Object.keys(stackConfig(stack)).flatMap((key) => {
    const [space, name] = key.includes(":") ? key.split(":") : ["", key];
    if (space === "cybexp" || (space !== "" && nearest(String(space), ["cybexp"]) === undefined)) {
      return []; // Ours, and looked at whole; or another program's.
    }
    const wanted = `cybexp:${name}`;
    const meant = known.includes(wanted) ? wanted : nearest(wanted, known);
    return meant === undefined ? [] : [`${key} is no key that is read. Did you mean ${meant}?`];
  });
  if (problems.length > 0) {
    throw new UserError(`Pulumi.${stack}.yaml: ${problems.join("\n       ")}`);
  }
}

function decrypted(value: unknown, found: () => void): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => decrypted(item, found));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    if (entries.length === 1 && entries[0]?.[0] === "secure") {
      found();
      return ENCRYPTED;
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, decrypted(item, found)]));
  }
  return value;
}
