import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { docker } from "../../integration/project.ts";
import { SecondEngine, type SecondEngineOptions } from "./secondEngine.ts";

/** The whole life of a stack on a second engine, of a version that begins so. */
export function describeSecondEngine(
  what: string,
  options: SecondEngineOptions,
  version: RegExp,
): void {
  describe(`a stack on a second engine, reached over its own socket: ${what}`, () => {
    let engine: SecondEngine | undefined;
    before(async () => {
      engine = await SecondEngine.start(options);
      const images = ["kms", "backend", "mongo", "nginx"];
      await engine.load(images.map((name) => `cybexp-demo/${name}:1`));
    });
    after(() => engine?.stop());

    it("is deployed, changed, checked and removed there, without touching the default engine", async (test) => {
      assert.ok(engine);
      const found = await engine.version();
      test.diagnostic(`Docker ${found}`);
      assert.match(found, version);
      const since = String(Math.floor(Date.now() / 1000));
      const program = join(import.meta.dirname, "life.ts");
      const env = { DOCKER_HOST: engine.host };
      const { code, output } = await engine.inside(process.execPath, [program], env);
      assert.equal(code, 0, output);
      const [, stack, id] = /^(it-\w+), deployment (\w+), lives on unix:/m.exec(output) ?? [];
      assert.ok(stack !== undefined && id !== undefined, output);
      assert.match(output, new RegExp(`^${stack} is gone$`, "m"));

      const until = String(Math.ceil(Date.now() / 1000));
      const events = docker("events", "--since", since, "--until", until, "--format", "{{json .}}");
      assert.deepEqual(
        events.split("\n").filter((line) => line.includes(stack) || line.includes(id)),
        [],
      );
    });
  });
}
