/** What must agree for the npm package and its example. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { projectRoot } from "../../machine/paths.ts";

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

  for (const example of [folder, "examples/two-engines", "examples/two-proxies"]) {
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
