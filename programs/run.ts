/**
 * Runs the program that the first argument names. Every command in a state comes through here, so the state has
 * no path (names/programs.ts).
 */
import { extname } from "node:path";
import { PROGRAMS, type ProgramName } from "../names/programs.ts";

const [, name = ""] = process.argv;
if (Object.hasOwn(PROGRAMS, name)) {
  // JavaScript if this file is: Node takes no TypeScript from node_modules.
  const file = `./${PROGRAMS[name as ProgramName]}${extname(import.meta.filename)}`;
  await import(new URL(file, import.meta.url).href);
} else {
  process.stderr.write(
    `this version of cybexp-pulumi has no program ${JSON.stringify(name)}: install the version that the stack was deployed with, or a newer one\n`,
  );
  process.exitCode = 1;
}
