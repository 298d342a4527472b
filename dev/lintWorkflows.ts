import { execa } from "execa";
import { globSync } from "node:fs";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";
import { actionlint, zizmor } from "./linters.ts";

/**
 * `npm run lint:workflows`: actionlint (is it a valid workflow?) and zizmor (is it safe?). Neither is ever
 * left out: if one can't be installed, that is a failure.
 *
 * @throws UserError when one of them finds something or can't be installed
 */
export async function lintWorkflows(root = projectRoot): Promise<void> {
  const files = globSync(".github/workflows/*.yml", { cwd: root }).sort();
  if (files.length === 0) {
    throw new UserError(`there is no workflow in ${root}/.github/workflows`);
  }
  const commands: [name: string, program: string, args: string[]][] = [
    // Switch off two linters that it runs only where they are installed, so that all machines agree.
    ["actionlint", await actionlint(), ["-shellcheck=", "-pyflakes=", ...files]],
    // Offline, so that the result does not depend on GitHub's answers.
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
    throw new UserError(
      `${failed.join(" and ")} found problems in .github: fix those that are listed above`,
    );
  }
  process.stdout.write(`${files.length} workflows linted, no problems found\n`);
}
