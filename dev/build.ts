import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { UserError } from "../programs/errors.ts";
import { projectRoot } from "../machine/paths.ts";

/** The folder of the built package: what `npm pack ./dist/package` packs. */
export const packageDir = join(projectRoot, "dist", "package");

/** What the package has of the root's package.json. The rest is about this repository. */
const KEPT = [
  ...["name", "version", "description", "type", "license", "keywords", "engines"],
  ...["dependencies", "peerDependencies"],
] as const;

/** What is in the package as it is here: place in the package -> file. */
const FILES = {
  "README.md": "components/README.md",
  LICENSE: "LICENSE",
  "CHANGELOG.md": "CHANGELOG.md",
  "docs/components.md": "docs/components.md",
  // The program by which an engine's ssh options reach ssh. It is no TypeScript, so the compiler leaves it out.
  "dist/programs/docker/ssh": "programs/docker/ssh",
};

type Manifest = Readonly<Record<(typeof KEPT)[number], unknown>> & {
  readonly exports: Readonly<Record<string, string>>;
};

/** `npm run build`: builds the package's folder, and the pages of its API reference. */
export async function build(): Promise<void> {
  await buildPackage();
  process.stdout.write("dist/package has the package: `npm pack ./dist/package` packs it\n");
  await execa("typedoc", { cwd: projectRoot, preferLocal: true, stdio: "inherit" });
}

/**
 * From scratch, so that nothing of an earlier build is packed.
 *
 * @throws UserError with the compiler's messages, if the types are wrong
 */
export async function buildPackage(): Promise<void> {
  rmSync(packageDir, { recursive: true, force: true });
  const { exitCode, stdout } = await execa("tsc", ["--project", "tsconfig.build.json"], {
    cwd: projectRoot,
    preferLocal: true,
    reject: false,
  });
  if (exitCode !== 0) {
    throw new UserError(`the package can't be built:\n${stdout}`);
  }
  for (const [place, file] of Object.entries(FILES)) {
    mkdirSync(dirname(join(packageDir, place)), { recursive: true });
    cpSync(join(projectRoot, file), join(packageDir, place), { recursive: true });
  }
  const root = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as Manifest;
  writeFileSync(
    join(packageDir, "package.json"),
    `${JSON.stringify(packageManifest(root), null, 2)}\n`,
  );
}

/** The package's own package.json. */
export function packageManifest(root: Manifest): Record<string, unknown> {
  const exports = Object.entries(root.exports).map(([name, file]) => [name, builtExport(file)]);
  return {
    ...Object.fromEntries(KEPT.map((key) => [key, root[key]])),
    exports: Object.fromEntries(exports) as unknown,
    publishConfig: { access: "public", provenance: true },
  };
}

/** What the compiler makes of an export. */
function builtExport(file: string): unknown {
  if (!file.endsWith(".ts")) {
    return file;
  }
  const built = file.replace(/^\.\/(.*)\.ts$/, "./dist/$1");
  return { types: `${built}.d.ts`, default: `${built}.js` };
}
