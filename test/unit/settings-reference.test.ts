/** What is said of the configuration in other places is what the schema says. */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { z } from "zod";
import { backendConfigDefaults } from "../../render/backendConfig.ts";
import { kmsConfigDefaults } from "../../render/kmsConfig.ts";
import { moduleConfigDefaults } from "../../render/moduleConfig.ts";
import { outputs } from "../../settings/outputs.ts";
import { moduleKeys } from "../../settings/resources.ts";
import { schema } from "../../settings/schema.ts";
import { backendKeys, kmsKeys, type ServiceKeys } from "../../settings/services.ts";
import { docOf, itemOf, keysOf } from "../../settings/tree.ts";
import { renderReference } from "../../dev/docs.ts";
import { projectRoot } from "../../machine/paths.ts";

const reference = renderReference();

function pathsBelow(path: string, found: z.core.$ZodType): string[] {
  const item = itemOf(found);
  return item !== undefined
    ? pathsBelow(`${path}[]`, item)
    : Object.entries(keysOf(found) ?? {}).flatMap(([key, child]) => [
        `${path}.${key}`,
        ...pathsBelow(`${path}.${key}`, child),
      ]);
}

describe("the reference", () => {
  it("is the committed one", () => {
    assert.equal(readFileSync(join(projectRoot, "docs", "reference.md"), "utf8"), reference);
  });

  it("has each key once, with its type, meaning, default and bounds", () => {
    for (const line of [
      "| `cybexp:kms.bind` | IP address and port | required | Where the operator reaches the KMS directly on the Docker host, without the proxy. | an address in 127.0.0.0/8, or ::1 in brackets, and a port |",
      "| `cybexp:certificates.validityDays` | days | `90` | How long a server certificate is valid. | 1 to 366 |",
      "| `cybexp:database.publish.kms` | IP address and port | none | Where the operator reaches the KMS's database directly on the Docker host. | an address in 127.0.0.0/8, or ::1 in brackets, and a port |",
      "| `cybexp:kms.config.OPE_OUT_MAX` | whole number | `340282366920938463463374607431768211455` | The largest number that order-preserving encryption produces. Changing it makes stored records incompatible. | digits, quoted if above 9007199254740991 |",
      "| `cybexp:throwaway` | boolean | `false` | Marks a stack whose data may be lost: `destroy` removes the volumes, and debug flags are allowed. | true or false |",
      "| `cybexp:proxy.address` | IP address | required | The address of the Docker host that the proxy listens on. | an IPv4 or IPv6 address; 0.0.0.0 for every IPv4 address, :: for every IPv6 address |",
      "| `cybexp:kapow.serverNames` | list of strings | none | More names that Kapow! itself answers to. All of them are in its certificate. If one is an IP address, callers that send no name in the TLS handshake are served too. |  |",
      "| `users` | map of user name to `{ user, password }` | yes | What each user sends in HTTP basic authentication now. |",
    ]) {
      assert.equal(reference.split("\n").filter((other) => other === line).length, 1, line);
    }
  });

  it("has every key, with a type and a meaning", () => {
    const paths = Object.entries(schema.shape).flatMap(([key, child]) =>
      pathsBelow(`cybexp:${key}`, child),
    );
    assert.equal(paths.length, 198);
    for (const path of paths) {
      const [row, ...more] = reference
        .split("\n")
        .filter((line) => line.startsWith(`| \`${path}\` |`));
      assert.equal(more.length, 0, path);
      assert.match(row ?? "", /^\| `[^|]+` \| [^|]+ \| [^|]* \| [^|]+ \| [^|]* \|$/, path);
    }
  });

  it("has the outputs that the program exports", () => {
    const program = readFileSync(join(projectRoot, "index.ts"), "utf8");
    const block = program.slice(program.indexOf("export default {"));
    const exported = [...block.matchAll(/^ {2}(?:\.\.\..*\{ )?(\w+):/gm)].map(([, name]) => name);
    assert.deepEqual(outputs.map(({ name }) => name).toSorted(), exported.toSorted());
  });
});

describe("Pulumi.yaml", () => {
  const project = parse(readFileSync(join(projectRoot, "Pulumi.yaml"), "utf8")) as {
    name: string;
    config: Record<string, { description: string; default: unknown; type?: string }>;
  };

  it("declares every key with its type, and no others", () => {
    assert.equal(project.name, "cybexp");
    assert.deepEqual(Object.keys(project.config), Object.keys(schema.shape));
    for (const [key, child] of Object.entries(schema.shape)) {
      const { description = "" } = project.config[key] ?? {};
      assert.ok(description.startsWith(`(${docOf(child)?.type}) `), `${key}: ${description}`);
      for (const name of Object.keys(keysOf(itemOf(child) ?? child) ?? {})) {
        assert.match(description, new RegExp(`\\b${name}\\b`), `${key} without ${name}`);
      }
    }
  });

  it("gives Pulumi no reason to stop with a message of its own", () => {
    for (const [key, declaration] of Object.entries(project.config)) {
      assert.ok(Object.hasOwn(declaration, "default"), key);
      assert.ok(!Object.hasOwn(declaration, "type"), key);
    }
  });
});

describe("the services' own keys", () => {
  const settable = (keys: ServiceKeys) =>
    Object.entries(keys)
      .filter(([, key]) => !key.generated)
      .map(([name, { fallback }]) => [name, fallback]);
  const rendered = (defaults: Readonly<Record<string, unknown>>) =>
    Object.entries(defaults).map(([name, value]) => [name, String(value)]);

  it("have the defaults that are rendered", () => {
    assert.deepEqual(settable(kmsKeys), rendered(kmsConfigDefaults));
    assert.deepEqual(settable(backendKeys), rendered(backendConfigDefaults));
    assert.deepEqual(
      Object.entries(moduleKeys).map(([name, { fallback }]) => [name, fallback]),
      rendered(moduleConfigDefaults),
    );
  });
});
