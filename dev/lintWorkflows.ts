import { execa } from "execa";
import { globSync } from "node:fs";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";
import { actionlint, zizmor } from "./linters.ts";

/**
 * `npm run lint:workflows`: actionlint (is it a workflow?) and zizmor (is it a safe one?). Neither is
 * ever left out: a linter that can't be had is a failure.
 *
 * @throws UserError when one of them finds something, or can't be had.
 */
export async function lintWorkflows(root = projectRoot): Promise<void> {
  const files = globSync(".github/workflows/*.yml", { cwd: root }).sort();
  if (files.length === 0) {
    throw new UserError(`there is no workflow in ${root}/.github/workflows`);
  }
  const commands: [name: string, program: string, args: string[]][] = [
    // Of two more linters that it runs where they are installed, the result would differ by machine.
    ["actionlint", await actionlint(), ["-shellcheck=", "-pyflakes=", ...files]],
    // Offline: what it says must not depend on what GitHub answers today.
    ["zizmor", await zizmor(), ["--offline", "--quiet", "--persona=pedantic", ".github"]],
  ];
  const failed: string[] = [];
  for (const [name, program, args] of commands) {
    const { exitCode } = await execa(program, args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      reject: false,
    });
    if (exitCode !== 0) {
      failed.push(name);
    }
  }
  if (failed.length > 0) {
    throw new UserError(`${failed.join(" and ")} found something in .github: it is above`);
  }
  process.stdout.write(`${files.length} workflows, linted: nothing found\n`);
}
