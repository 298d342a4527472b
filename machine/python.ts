/** A Python that can install packages, for what only PyPI carries. */
import { execa } from "execa";
import { join } from "node:path";

/**
 * The commands to try, the first that works wins: the system's Python, then one with a pip of its own, for systems
 * that have venv but no pip.
 *
 * @param folder Where the latter may be made.
 */
export async function* pythons(folder: string): AsyncGenerator<readonly [string, ...string[]]> {
  yield ["python3"];
  const { failed } = await execa("python3", ["-m", "venv", folder], { reject: false });
  if (!failed) {
    yield [join(folder, "bin", "python3")];
  }
}
