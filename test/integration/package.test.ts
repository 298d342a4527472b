/** The npm package as package managers install it: its types for the examples, and an upgrade. */
import assert from "node:assert/strict";
import {
  cpSync,
  globSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { projectRoot } from "../../machine/paths.ts";
import { commandOf } from "../../names/programs.ts";
import { Example, install, type Manager, pack, repack } from "./example.ts";

const NAMES = globSync("*/package.json", { cwd: join(projectRoot, "examples") })
  .map(dirname)
  .sort();

/** The strictest that TypeScript has. The libraries' declarations are checked as well. */
const STRICT = {
  ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  ...{
    noPropertyAccessFromIndexSignature: true,
    noImplicitOverride: true,
    noImplicitReturns: true,
  },
  ...{ noFallthroughCasesInSwitch: true, noUnusedLocals: true, noUnusedParameters: true },
  ...{ verbatimModuleSyntax: true, isolatedModules: true, erasableSyntaxOnly: true },
  ...{ skipLibCheck: false, noEmit: true, target: "es2022" },
};

/** How TypeScript finds a package's types; `attw` looks at the other ways. */
const RESOLUTION = {
  npm: { module: "nodenext" },
  pnpm: { module: "esnext", moduleResolution: "bundler" },
} as const;

let root: string;
let tarball: string;
before(async () => {
  root = mkdtempSync(join(tmpdir(), "cybexp-package-"));
  tarball = await pack(root);
});
after(() => rmSync(root, { recursive: true, force: true }));

/** One folder with all examples, and what each of them names. */
async function allExamples(manager: Manager): Promise<string> {
  const dir = join(root, manager);
  const dependencies: Record<string, string> = {};
  for (const name of NAMES) {
    cpSync(join(projectRoot, "examples", name), join(dir, name), { recursive: true });
    Object.assign(dependencies, dependenciesOf(join(dir, name)));
  }
  dependencies["cybexp-pulumi"] = `file:${tarball}`;
  writeFileSync(join(dir, "package.json"), JSON.stringify({ type: "module", dependencies }));
  await install(dir, manager);
  return dir;
}

const dependenciesOf = (folder: string) =>
  (JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { dependencies: object })
    .dependencies;

describe("the types of the npm package", () => {
  it("are tried with every example", () => {
    assert.deepEqual(NAMES, [
      "http-service",
      "secret-from-config",
      "two-engines",
      "two-proxies",
      "web-application",
    ]);
  });

  for (const manager of ["npm", "pnpm"] as const) {
    it(`accept the examples, and refuse a mistake in one, installed by ${manager}`, async () => {
      const dir = await allExamples(manager);
      const right = readFileSync(join(dir, "http-service", "index.ts"), "utf8");
      writeFileSync(join(dir, "wrong.ts"), right.replace('access: "either"', 'access: "nobody"'));
      const typeRoots = [join(projectRoot, "node_modules", "@types")];
      writeFileSync(
        join(dir, "tsconfig.json"),
        JSON.stringify({
          compilerOptions: { ...STRICT, ...RESOLUTION[manager], typeRoots, types: ["node"] },
          include: ["wrong.ts", "*/index.ts"],
        }),
      );
      const { stdout } = await execa("tsc", ["--project", dir], {
        ...{ cwd: dir, localDir: projectRoot, preferLocal: true, reject: false },
      });
      assert.match(
        stdout,
        /^wrong\.ts\(\d+,\d+\): error TS2322: Type '"nobody"' is not assignable to type 'Input<("(both|certificate|either|password)"( \| |(?=>))){4}>'\.$/,
      );
    });
  }
});

/** Its one program needs no engine. */
const PROGRAM = `
import * as cybexp from "cybexp-pulumi";

const authority = new cybexp.RotatedAuthority("ca", { commonName: "a CA" });
const clients = new cybexp.ClientList("client", { authority, clients: [{ name: "bob" }] });
export const names = clients.credentials.apply(Object.keys);
`;

describe("an upgrade of the npm package", () => {
  let example: Example;
  before(async () => {
    example = await Example.create();
    example.write("index.ts", PROGRAM);
  });
  after(() => example.remove());

  async function pulumi(...args: string[]): Promise<string> {
    const { code, output, stdout } = await example.pulumi(...args);
    assert.equal(code, 0, output);
    return stdout;
  }

  it("runs nothing again, with pnpm in place of npm as well", async () => {
    await pulumi("stack", "init", example.stack);
    await pulumi("up", "--yes", "--skip-preview");
    assert.deepEqual(commandsIn(example.state()), [commandOf("crl")]);

    const next = await repack(example.tarball, "0.999.0");
    const manifest = example.read("package.json");
    example.write("package.json", manifest.replace(/file:[^"]*/, `file:${next}`));
    rmSync(join(example.dir, "node_modules"), { recursive: true });
    await install(example.dir, "pnpm");
    const installed = join("node_modules", "cybexp-pulumi", "package.json");
    assert.match(example.read(installed), /"version": "0\.999\.0"/);
    await pulumi("preview", "--expect-no-changes");
  });

  it("runs nothing again when the package is in a folder above, as in a workspace", async () => {
    const [modules, above] = [example.dir, dirname(example.dir)].map((at) =>
      join(at, "node_modules"),
    );
    renameSync(modules ?? "", above ?? "");
    await pulumi("preview", "--expect-no-changes");
    // Its programs start from there, too.
    example.write("index.ts", PROGRAM.replace("bob", "eve"));
    await pulumi("up", "--yes", "--skip-preview");
    assert.deepEqual(commandsIn(example.state()), [commandOf("crl")]);
    await pulumi("destroy", "--yes", "--skip-preview");
  });
});

/** What commands of a state say, each of them once. */
function commandsIn(state: string): string[] {
  const { checkpoint } = JSON.parse(state) as {
    checkpoint: { latest: { resources: { type: string; inputs?: Record<string, string> }[] } };
  };
  const commands = checkpoint.latest.resources
    .filter(({ type }) => type === "command:local:Command")
    .flatMap(({ inputs = {} }) => [inputs["create"], inputs["update"], inputs["delete"]]);
  return [...new Set(commands)].filter((command) => command !== undefined);
}
