/** The commands in a copy of the project, so that a test may write its stack files and state. */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import { projectRoot } from "../../machine/paths.ts";

/** What deals with a stack's files, and what that imports. */
const COPIED = ["names", "settings", ...["programs", "machine", "stack", "cli"]];

export interface ProjectCopy {
  readonly root: string;
  /** The path of a file in the copy. */
  file(...names: string[]): string;
  /** One of its modules: it takes the copy for the project. */
  load<T>(module: string): Promise<T>;
}

/** Gone after the test. */
export function copyProject(t: TestContext): ProjectCopy {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "cybexp-unit-")));
  t.after(() => rmSync(root, { recursive: true }));
  for (const path of COPIED) {
    cpSync(join(projectRoot, path), join(root, path), { recursive: true });
  }
  mkdirSync(join(root, ".cybexp"));
  symlinkSync(join(projectRoot, "node_modules"), join(root, "node_modules"));
  const file = (...names: string[]) => join(root, ...names);
  return {
    root,
    file,
    load: <T>(module: string) => import(pathToFileURL(file(module)).href) as Promise<T>,
  };
}
