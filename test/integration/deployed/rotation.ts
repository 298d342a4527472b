import assert from "node:assert/strict";
import { it } from "node:test";
import { type Deployed, type Role, ROLES, run } from "./deployed.ts";

export function rotation(the: () => Deployed): void {
  it("renews one user's password without touching anything else", async () => {
    const before = runs(the());
    const analyst = the().user("analyst");
    const old = the().user("collector");
    the().project.configure((config) => {
      config["cybexp:users"] = [
        { name: "collector", generation: 2 },
        { name: "analyst", attributes: ["default"] },
      ];
    });
    const preview = await the().npm("preview", "--diff");
    assert.equal(preview.code, 0, preview.output);

    the().watch.start();
    const changes = await changesOfUp(the());
    await the().watch.stop();

    assert.deepEqual(changes, [
      "+ user-collector-2",
      "~ proxy-release-delivery",
      "~ rotation-guard",
      "~ smoke",
    ]);
    assert.deepEqual(runs(the()), before);
    assert.notEqual(the().user("collector").password, old.password);
    assert.deepEqual(the().user("analyst"), analyst);
    for (const door of ["kms", "backend"] as const) {
      const status = async (credential: typeof old) =>
        (await the().call(door, "/", { credential })).status;
      assert.equal(await status(the().user("collector")), 200);
      assert.equal(await status(analyst), 200);
      // The previous one is good until it is retired.
      assert.equal(await status(old), 200);
    }
  });

  it("renews the KMS's token key by replacing the KMS alone", async () => {
    const before = runs(the());
    const key = await the().kmsKey();
    const headers = { "X-Authorization": `Bearer ${the().token("collector")}` };
    the().project.configure((config) => {
      config["cybexp:rotation"] = { kmsJwtKey: 2 };
    });
    assert.deepEqual(await changesOfUp(the()), [
      "~ kms-accounts",
      "~ kms-config-delivery",
      "~ kms-handback",
      "~ kms-handover",
      "~ kms-key-files",
      "~ kms-limits",
      "~ rotation-guard",
      "~ smoke",
      "± kms",
      "± kms-jwt-key",
    ]);

    const after = runs(the());
    assert.notEqual(after.kms, before.kms);
    assert.deepEqual({ ...after, kms: "" }, { ...before, kms: "" });
    // 422: the signature is none of the new key's.
    assert.equal((await the().call("kms", "/user/me", { headers })).status, 422);
    assert.equal(await the().kmsKey(), key);
  });
}

function runs(the: Deployed): Record<Role, string> {
  const containers = the.containers();
  return Object.fromEntries(ROLES.map((role) => [role, run(containers[role])])) as Record<
    Role,
    string
  >;
}

/** Runs `npm run up`; what it says that it changed, as in "± smoke". */
async function changesOfUp(the: Deployed): Promise<string[]> {
  const { output } = await the.up();
  const changes = output.matchAll(/^ {2}([+~±-]) (?:\w+ )+([\w-]+)(?: \(.*\))?$/gm);
  return [...changes].map(([, sign, name]) => `${sign} ${name}`).sort();
}
