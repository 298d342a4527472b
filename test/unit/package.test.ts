/** What must agree for the npm package and its example. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { parse } from "yaml";
import { packageManifest } from "../../dev/build.ts";
import { projectRoot } from "../../machine/paths.ts";
import { RUN } from "../../names/programs.ts";

interface Manifest {
  readonly version: string;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: unknown;
}

const read = (file: string) => readFileSync(join(projectRoot, file), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;

describe("package.json", () => {
  it("has every Pulumi SDK as a peer, from the version that the tests run with", () => {
    const pinned = Object.entries(manifest.devDependencies).filter(
      ([name]) => name in manifest.peerDependencies,
    );
    assert.deepEqual(
      manifest.peerDependencies,
      Object.fromEntries(pinned.map(([name, version]) => [name, `^${version}`])),
    );
    assert.ok("@pulumi/pulumi" in manifest.peerDependencies);
    const shipped = Object.keys(manifest.dependencies).filter((name) => /^@pulumi\//.test(name));
    assert.deepEqual(shipped, [], "a copy of its own would be a second one in the program");
  });

  it("does not install a Node with the package", () => {
    assert.equal(manifest.optionalDependencies, undefined);
  });

  it("has a version that is in the changelog", () => {
    assert.match(read("CHANGELOG.md"), new RegExp(`^## ${manifest.version}(,|$)`, "m"));
  });
});

describe("the example", () => {
  const folder = "examples/http-service";

  it("is in the documentation word for word", () => {
    const [, shown] = /```ts\n(.*?)```/s.exec(read("docs/components.md")) ?? [];
    assert.equal(shown, read(`${folder}/index.ts`));
  });

  it("that the package's README shows is in there word for word, with its settings", () => {
    const web = "examples/web-application";
    const readme = read("components/README.md");
    const blocks = [...readme.matchAll(/```(?:ts|yaml)\n(.*?)```/gs)].map(([, text]) => text);
    assert.deepEqual(blocks.slice(0, 2), [read(`${web}/index.ts`), read(`${web}/Pulumi.dev.yaml`)]);
  });

  for (const name of [
    "http-service",
    "secret-from-config",
    "two-engines",
    "two-proxies",
    "web-application",
  ]) {
    const example = `examples/${name}`;
    it(`depends on the file from npm pack, never on a name that somebody else may take: ${example}`, () => {
      const { dependencies } = JSON.parse(read(`${example}/package.json`)) as Manifest;
      const { "cybexp-pulumi": own, ...sdks } = dependencies;
      assert.equal(own, `file:../../cybexp-pulumi-${manifest.version}.tgz`);
      for (const [name, range] of Object.entries(sdks)) {
        assert.equal(range, manifest.peerDependencies[name]);
      }
    });
  }

  it("has the port and the names that its README calls", () => {
    const { config } = parse(read(`${folder}/Pulumi.dev.yaml`)) as {
      config: { [key: string]: unknown };
    };
    const readme = read(`${folder}/README.md`);
    assert.ok(readme.includes(`https://localhost:${String(config["http-service:port"])}/`));
    for (const output of ["ca", "passwords"]) {
      assert.ok(readme.includes(`stack output ${output}`));
      assert.match(read(`${folder}/index.ts`), new RegExp(`^export const ${output} =`, "m"));
    }
  });
});

/** What CYBEX-P's services and MongoDB are, and what reads their files. */
const FOREIGN =
  /kms|backend|collector|kapow|database|mongo|moduleConfig|\/notices|node_modules\/(yaml|bson)\//i;

describe("what a program loads with the package", () => {
  /** The files of this repository and of its dependencies. */
  async function loadedBy(entry: string): Promise<string[]> {
    const script = `
      import { registerHooks } from "node:module";
      registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) });
      await import("${entry}");
    `;
    const { stdout } = await execa(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: projectRoot,
    });
    return stdout
      .split("\n")
      .filter((url) => url.startsWith(pathToFileURL(projectRoot).href))
      .map((url) => url.slice(pathToFileURL(projectRoot).href.length + 1));
  }

  it("is nothing of CYBEX-P's, unless it asks for that", async () => {
    const loaded = await loadedBy("cybexp-pulumi");
    assert.ok(loaded.includes("components/tlsProxy.ts"));
    assert.deepEqual(
      loaded.filter((file) => FOREIGN.test(file)),
      [],
    );
    const more = await loadedBy("cybexp-pulumi/cybexp");
    assert.ok(more.includes("components/kms.ts") && more.includes("components/database.ts"));
  });
});

describe("the package's own package.json", () => {
  const made = packageManifest(JSON.parse(read("package.json")) as never);

  it("has what an installation needs of this one, and nothing of this repository", () => {
    assert.deepEqual(Object.keys(made).sort(), [
      ...["dependencies", "description", "engines", "exports", "keywords", "license", "name"],
      ...["peerDependencies", "publishConfig", "type", "version"],
    ]);
  });

  it("exports what the compiler makes of the files here", () => {
    const built = (name: string) => ({
      types: `./dist/${name}.d.ts`,
      default: `./dist/${name}.js`,
    });
    assert.deepEqual(made["exports"], {
      ".": built("components/index"),
      "./cybexp": built("components/cybexp"),
      "./run": built("programs/run"),
      "./package.json": "./package.json",
    });
    assert.equal(RUN, "cybexp-pulumi/run");
  });
});
