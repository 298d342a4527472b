/**
 * A deployment is backed up, and everything of it is destroyed: containers, volumes, state and passphrase. An empty
 * stack on another engine gets the backup. Then its keys are the same to the byte, it has as many records, and
 * tokens, passwords and authorities from before are good.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { generateX25519Identity, identityToRecipient } from "age-encryption";
import { Deployed } from "../integration/deployed/deployed.ts";
import * as kept from "../integration/deployed/kept.ts";
import { docker, Project } from "../integration/project.ts";
import type { Legacy, Restored } from "./engines/restored.ts";
import { SecondEngine } from "./engines/secondEngine.ts";

const RECORDS = 40;

describe("a backup, restored into an empty stack on a second engine", () => {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-restore-"));
  let engine: SecondEngine | undefined;
  let first: Deployed;
  before(async () => {
    first = new Deployed(await Project.create());
    engine = await SecondEngine.start();
    const images = ["kms", "backend", "mongo", "nginx"];
    await engine.load(images.map((name) => `cybexp-demo/${name}:1`));
  });
  after(async () => {
    await first.project.remove();
    await engine?.stop();
    rmSync(folder, { recursive: true });
  });

  for (const throwaway of [true, false]) {
    it(`is the same deployment: ${throwaway ? "a throw-away stack" : "a stack that keeps its data"}`, async () => {
      assert.ok(engine);
      const identity = await generateX25519Identity();
      const recipients = [await identityToRecipient(identity)];
      first.project.configure((config) => {
        config["cybexp:backup"] = { recipients };
        config["cybexp:throwaway"] = throwaway;
      });
      await first.up();
      const administrator = kept.makeAdministrator(first);
      for (let number = 0; number < 3; number++) {
        await kept.makeAccount(first, administrator, `user${number}`);
      }
      for (let number = 0; number < RECORDS; number++) {
        await kept.add(first, kept.record(`user${number % 3}`));
      }
      const { users, serverCa, clientCa } = first.outputs;
      const token = first.token("collector");
      const [keys, kmsKey] = [await kept.keys(first), await first.kmsKey()];
      // Four of the KMS, one of each account with attributes: the stack's own user, and three more.
      assert.equal(Object.keys(keys).length, 8);
      const made = await first.npm("backup");
      assert.equal(made.code, 0, made.output);

      const backups = join(first.project.dir, ".cybexp", "backups");
      const legacy: Legacy = {
        ...{ stack: first.project.stack, ports: first.project.ports },
        config: first.project.readConfig(),
        backup: join(folder, "backup.age"),
        identity: join(folder, "identity"),
      };
      mkdirSync(folder, { recursive: true });
      renameSync(join(backups, readdirSync(backups)[0] ?? ""), legacy.backup);
      writeFileSync(legacy.identity, `${identity}\n`, { mode: 0o600 });
      writeFileSync(join(folder, "legacy.json"), JSON.stringify(legacy), { mode: 0o600 });
      const down = await first.npm("down", "--yes");
      assert.equal(down.code, 0, down.output);
      for (const [kind = "", name = ""] of first.project.leftovers().map((it) => it.split(" "))) {
        docker(kind, "rm", name);
      }
      assert.deepEqual(first.project.leftovers(), []);
      rmSync(join(first.project.dir, ".cybexp"), { recursive: true });

      const program = join(import.meta.dirname, "engines", "restored.ts");
      const env = { DOCKER_HOST: engine.host };
      const args = [program, join(folder, "legacy.json")];
      const { code, output } = await engine.inside(process.execPath, args, env);
      assert.equal(code, 0, output);
      const line = output.split("\n").find((text) => text.startsWith("{")) ?? "";
      const { output: said, ...restored } = JSON.parse(line) as Restored;
      assert.deepEqual(restored, {
        ...{ users, token, serverCa, clientCa, keys, kmsKey },
        ...{ records: RECORDS, login: 200 },
      });
      assert.match(said, new RegExp(`^ {2}backend/enc_data: ${RECORDS} records$`, "m"));
      // Three, who made them, and the stack's own administrator and user.
      assert.match(said, /^ {2}kms\/Users: 6 records$/m);
    });
  }
});
