import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { pluginPath } from "../../machine/toolchain/layout.ts";
import { plugins } from "../../machine/toolchain/versions.ts";
import { makeSandbox, toolchain } from "./sandbox.ts";

/** What an npm SDK's generated class says about a resource type, or the schema of a plugin. */
interface ResourceShape {
  inputs: string[];
  required: string[];
  outputs: string[];
  secrets: string[];
  /** Input name -> whether it takes a number, a text ... where the declaration says it plainly. */
  types: Record<string, string>;
}

interface Schema {
  name: string;
  version: string;
  resources: Record<
    string,
    {
      inputProperties?: Record<string, PropertySchema>;
      requiredInputs?: string[];
      properties: Record<string, PropertySchema>;
    }
  >;
  functions?: Record<string, { inputs?: { properties: object }; outputs: { properties: object } }>;
}

interface PropertySchema {
  type?: string;
  secret?: boolean;
  $ref?: string;
  items?: PropertySchema;
  additionalProperties?: PropertySchema;
}

/** The resource types that the program uses, as SDK files. */
const used: Record<keyof typeof plugins, string[]> = {
  command: ["local/command"],
  docker: ["container", "network", "volume", "remoteImage"],
  random: [
    "randomBytes",
    "randomId",
    "randomInteger",
    "randomPassword",
    "randomString",
    "randomUuid",
  ],
  tls: ["certRequest", "locallySignedCert", "privateKey", "selfSignedCert"],
};

/** The write-only arguments of tls 5.6 are newer than the provider that can be built. */
const isTooNew = (plugin: string, name: string) => plugin === "tls" && /Wo(Version)?$/.test(name);

const sdkFile = (plugin: string, file: string) =>
  readFileSync(join(projectRoot, "node_modules", "@pulumi", plugin, file), "utf8");

const names = (pattern: RegExp, text: string) =>
  [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))].sort();

/** Reads a resource class as the SDK's generator writes it. */
function sdkResource(plugin: string, file: string): { token: string; shape: ResourceShape } {
  const code = sdkFile(plugin, `${file}.js`);
  const declaration = sdkFile(plugin, `${file}.d.ts`);
  const token = /__pulumiType = '([^']+)'/.exec(code)?.[1];
  assert.ok(token, `${plugin}/${file}.js has no resource type`);
  const secrets = /additionalSecretOutputs: \[([^\]]*)\]/.exec(code)?.[1] ?? "";
  const args = declaration.slice(declaration.search(/export interface \w+Args \{/));
  const plain = args.matchAll(/^ {4}(\w+)\??: pulumi\.Input<(string|boolean|number)>;/gm);
  const kept = (list: string[]) => list.filter((name) => !isTooNew(plugin, name));
  return {
    token,
    shape: {
      inputs: kept(names(/resourceInputs\["(\w+)"\] = [^\n]*args\?\./g, code)),
      required: kept(names(/args\?\.(\w+) === undefined/g, code)),
      outputs: kept(names(/resourceInputs\["(\w+)"\]/g, code)),
      secrets: kept(names(/"(\w+)"/g, secrets)),
      types: Object.fromEntries(
        [...plain]
          .map((match) => [match[1] ?? "", match[2] ?? ""] as const)
          .filter(([name]) => !isTooNew(plugin, name)),
      ),
    },
  };
}

const tsType = (property: PropertySchema | undefined) =>
  property?.type === "integer" ? "number" : (property?.type ?? "");

function schemaResource(schema: Schema, token: string, types: string[]): ResourceShape {
  const resource = schema.resources[token];
  assert.ok(resource, `the plugin has no ${token}`);
  const inputs = resource.inputProperties ?? {};
  return {
    inputs: Object.keys(inputs).sort(),
    required: [...(resource.requiredInputs ?? [])].sort(),
    outputs: Object.keys(resource.properties).sort(),
    secrets: Object.keys(resource.properties)
      .filter((name) => resource.properties[name]?.secret)
      .sort(),
    types: Object.fromEntries(types.map((name) => [name, tsType(inputs[name])])),
  };
}

const schemas: Record<string, Schema> = {};

before(async () => {
  const sandbox = await makeSandbox("");
  await Promise.all(
    Object.entries(plugins).map(async ([name, version]) => {
      const plugin = pluginPath(toolchain.home, name, version);
      const { stdout } = await sandbox.start("package", "get-schema", plugin);
      schemas[name] = JSON.parse(stdout) as Schema;
    }),
  );
  sandbox.remove();
});

for (const [plugin, version] of Object.entries(plugins)) {
  describe(`the ${plugin} plugin against its npm SDK`, () => {
    const schema = () => schemas[plugin] ?? assert.fail(`no schema of ${plugin}`);

    it("has the SDK's name and version", () => {
      const { pulumi } = JSON.parse(sdkFile(plugin, "package.json")) as {
        pulumi: { version: string };
      };
      assert.equal(version, pulumi.version);
      assert.deepEqual([schema().name, schema().version], [plugin, version]);
    });

    for (const file of used[plugin as keyof typeof plugins]) {
      it(`serves ${file} with the same properties`, () => {
        const { token, shape } = sdkResource(plugin, file);
        // The provider insists on the keys that the SDK lets be given the write-only way instead.
        const required = (
          { certRequest: ["privateKeyPem"], selfSignedCert: ["privateKeyPem"] } as const
        )[file as "certRequest"] ?? (file === "locallySignedCert" ? ["caPrivateKeyPem"] : []);
        shape.required = [...new Set([...shape.required, ...required])].sort();
        assert.ok(shape.inputs.length > 0 || file === "randomUuid", "the SDK's file was not read");
        assert.deepEqual(schemaResource(schema(), token, Object.keys(shape.types)), shape);
      });
    }
  });
}

describe("the plugins' details that the program relies on", () => {
  it("serve every nested type of a container under the SDK's names", () => {
    const types = sdkFile("docker", "types/input.d.ts");
    const schema = schemas["docker"] as Schema & {
      types: Record<string, { properties?: Record<string, unknown> }>;
    };
    let compared = 0;
    for (const [token, { properties }] of Object.entries(schema.types)) {
      const name = token.split(":").at(-1) ?? "";
      const body = new RegExp(`^export interface ${name} \\{\\n([\\s\\S]*?)^\\}`, "m").exec(types);
      if (!/^(Container|Network|Volume|RemoteImage)/.test(name) || !body) {
        continue;
      }
      compared += 1;
      assert.deepEqual(
        Object.keys(properties ?? {}).sort(),
        names(/^ {4}(\w+)\??:/gm, body[1] ?? ""),
        name,
      );
    }
    assert.ok(compared > 20, `only ${compared} nested types were found in the SDK`);
  });

  it("serve docker's getRemoteImage with the SDK's arguments and results", () => {
    const declaration = sdkFile("docker", "getRemoteImage.d.ts");
    const fields = (name: string) =>
      names(
        /^ {4}(?:readonly )?(\w+)\??:/gm,
        new RegExp(`export interface ${name} \\{([\\s\\S]*?)\\n\\}`).exec(declaration)?.[1] ?? "",
      );
    const served = schemas["docker"]?.functions?.["docker:index/getRemoteImage:getRemoteImage"];
    assert.deepEqual(
      [
        Object.keys(served?.inputs?.properties ?? {}).sort(),
        Object.keys(served?.outputs.properties ?? {}).sort(),
      ],
      [fields("GetRemoteImageArgs"), fields("GetRemoteImageResult")],
    );
  });

  it("serve command's run with the SDK's arguments and results", () => {
    const declaration = sdkFile("command", "local/run.d.ts");
    const fields = (name: string) =>
      names(
        /^ {4}(?:readonly )?(\w+)\??:/gm,
        new RegExp(`export interface ${name} \\{([\\s\\S]*?)\\n\\}`).exec(declaration)?.[1] ?? "",
      );
    const served = schemas["command"]?.functions?.["command:local:run"];
    assert.deepEqual(
      [
        Object.keys(served?.inputs?.properties ?? {}).sort(),
        Object.keys(served?.outputs.properties ?? {}).sort(),
      ],
      [fields("RunArgs"), fields("RunResult")],
    );
  });

  it("know what is secret by itself", () => {
    const secretOutputs = (plugin: string, token: string) =>
      schemaResource(schemas[plugin] ?? assert.fail(plugin), token, []).secrets;
    assert.deepEqual(secretOutputs("random", "random:index/randomPassword:RandomPassword"), [
      "bcryptHash",
      "result",
    ]);
    assert.ok(secretOutputs("tls", "tls:index/privateKey:PrivateKey").includes("privateKeyPem"));
    assert.deepEqual(secretOutputs("random", "random:index/randomId:RandomId"), []);
  });

  it("cover every resource of the tls and random SDKs", () => {
    for (const plugin of ["tls", "random"]) {
      const tokens = readdirSync(join(projectRoot, "node_modules", "@pulumi", plugin))
        .filter((file) => file.endsWith(".js"))
        .flatMap((file) => names(/__pulumiType = '([^']+:[^']+)'/g, sdkFile(plugin, file)));
      assert.deepEqual(Object.keys(schemas[plugin]?.resources ?? {}).sort(), tokens.sort());
    }
  });
});
