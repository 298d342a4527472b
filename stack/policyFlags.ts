import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../machine/paths.ts";

/** The policy pack's folder, relative to the project, because Pulumi prints it. */
const PACK = "policy";

/**
 * The flags that make `pulumi preview` and `up` check a stack with the policy pack. The rules' settings
 * come from policy/<stack>.json if that exists, and from policy/cybexp.json otherwise.
 */
export function policyFlags(stack: string, root = projectRoot): string[] {
  const own = join(PACK, `${stack}.json`);
  const settings = existsSync(join(root, own)) ? own : join(PACK, "cybexp.json");
  return ["--policy-pack", PACK, "--policy-pack-config", settings];
}
