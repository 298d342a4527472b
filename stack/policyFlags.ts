import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../machine/paths.ts";

/** The policy pack's folder, from the project's: Pulumi tells it in its output. */
const PACK = "policy";

/**
 * The flags by which `pulumi preview` and `up` hold a stack against the policy pack. The rules'
 * settings are policy/cybexp.json, or policy/<stack>.json where there is one.
 */
export function policyFlags(stack: string, root = projectRoot): string[] {
  const own = join(PACK, `${stack}.json`);
  const settings = existsSync(join(root, own)) ? own : join(PACK, "cybexp.json");
  return ["--policy-pack", PACK, "--policy-pack-config", settings];
}
