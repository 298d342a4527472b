/** What Pulumi says that it will change, and that it has changed. */
import assert from "node:assert/strict";
import { type Deployed, run } from "../../integration/deployed/deployed.ts";
import { docker } from "../../integration/project.ts";

interface Step {
  readonly op: string;
  readonly urn: string;
}

interface Preview {
  /** Lines such as "replace Container kms", components left out, sorted. */
  readonly changes: readonly string[];
  /** All that it printed, the steps in JSON among it. */
  readonly output: string;
}

export async function preview(the: Deployed): Promise<Preview> {
  const { code, output, stdout } = await the.npm("preview", "--json");
  assert.equal(code, 0, output);
  const { steps } = JSON.parse(stdout) as { steps: readonly Step[] };
  const changes = steps
    .filter(({ op, urn }) => !/^(same|refresh|read)$/.test(op) && !/[:$]cybexp:[^$]*::/.test(urn))
    .map(({ op, urn }) => {
      const [type = "", name] = urn.split("::").slice(-2);
      return `${op} ${type.split(":").at(-1)} ${name}`;
    })
    .filter((line) => !line.includes(" Stack "))
    .sort();
  return { changes, output };
}

/** Raises numbers of the stack's config. */
export function setRotation(the: Deployed, numbers: Readonly<Record<string, number>>): void {
  the.project.configure((config) => {
    config["cybexp:rotation"] = { ...(config["cybexp:rotation"] as object), ...numbers };
  });
}

const SIGNS: Readonly<Record<string, string>> = {
  "+": "create",
  "±": "replace",
  "~": "update",
  "-": "delete",
};

/** The same lines from the words of `npm run up`, which leave out what is deleted from the state alone. */
export function told(output: string): string[] {
  return [...output.matchAll(/^ {2}([+±~-]) ((?:\w+ )+)([\w-]+)(?: \(.*\))?$/gm)]
    .map(([, sign = "", kind = "", name]) => `${SIGNS[sign]} ${pascal(kind)} ${name}`)
    .sort();
}

/** "random password " is RandomPassword. */
const pascal = (kind: string) =>
  kind
    .trim()
    .split(" ")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");

/** Which containers these are and since when they run, and which volumes there are. */
export function things(the: Deployed): Record<string, string> {
  const containers = Object.entries(the.containers()).sort(([a], [b]) => (a < b ? -1 : 1));
  const names = docker("volume", "ls", "-q", "--filter", `label=cybexp.stack=${the.project.stack}`);
  return Object.fromEntries([
    ...containers.map(([role, container]) => [role, run(container)]),
    ...names.split("\n").map((name) => [name, "a volume"]),
  ]) as Record<string, string>;
}

/**
 * Previews, then runs, an `up`, which changes exactly this and replaces no container but these.
 *
 * @param changes As of `preview`.
 */
export async function rotate(
  the: Deployed,
  changes: readonly string[],
  replaced: readonly string[] = [],
): Promise<{ previewed: string; up: string }> {
  const before = things(the);
  const previewed = await preview(the);
  assert.deepEqual(previewed.changes, changes.toSorted());
  const { output } = await the.up();
  const visible = changes.filter((line) => !line.startsWith("delete "));
  assert.deepEqual(told(output), visible.toSorted());
  const after = things(the);
  const others = Object.keys(before).filter((name) => before[name] !== after[name]);
  assert.deepEqual(others.sort(), [...replaced].sort());
  assert.deepEqual(Object.keys(after), Object.keys(before));
  return { previewed: previewed.output, up: output };
}
