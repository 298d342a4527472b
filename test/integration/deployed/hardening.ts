import assert from "node:assert/strict";
import { it } from "node:test";
import { type Deployed, type Role, ROLES } from "./deployed.ts";

const OWNERS: Readonly<Record<Role, string>> = {
  backend: "65532:65532",
  "backend-db": "999:999",
  kms: "65532:65532",
  "kms-db": "999:999",
  proxy: "101:101",
};

/** Four threads of a service and three connections of its database for each of 480 requests. */
const PIDS: Readonly<Record<Role, number>> = {
  backend: 1984,
  "backend-db": 1568,
  kms: 1984,
  "kms-db": 1568,
  proxy: 200,
};

export function hardening(the: () => Deployed): void {
  it("runs exactly one container for each role", () => {
    assertNames(the());
  });

  for (const role of ROLES) {
    it(`${role}: unprivileged, read-only, limited and healthy`, () => {
      const { Config, HostConfig, State } = the().containers()[role];
      assert.equal(Config.User, OWNERS[role]);
      assert.equal(HostConfig.Privileged, false);
      assert.equal(HostConfig.ReadonlyRootfs, true);
      assert.deepEqual(HostConfig.CapDrop, ["ALL"]);
      assert.deepEqual(HostConfig.CapAdd ?? [], []);
      assert.ok((HostConfig.SecurityOpt ?? []).some((option) => /^no-new-privileges/.test(option)));
      assert.ok(HostConfig.Memory > 0);
      assert.equal(HostConfig.MemorySwap, HostConfig.Memory);
      assert.ok(HostConfig.NanoCpus > 0);
      assert.equal(HostConfig.PidsLimit, PIDS[role]);
      assert.deepEqual(HostConfig.LogConfig, {
        Type: "json-file",
        Config: { "max-file": "3", "max-size": "10m" },
      });
      assert.equal(HostConfig.RestartPolicy.Name, "unless-stopped");
      assert.equal(State.Health?.Status, "healthy");
    });
  }

  it("publishes the declared ports on loopback, and the databases nowhere", () => {
    assertPublished(the());
  });
}

export function assertNames(the: Deployed): void {
  assert.deepEqual(Object.keys(the.containers()).sort(), [...ROLES]);
  for (const role of ROLES) {
    const { Config, Name } = the.containers()[role];
    assert.equal(Name, `/cybexp-${the.project.stack}-${role}`);
    assert.equal(Config.Labels["cybexp.stack"], the.project.stack);
  }
}

export function assertPublished(the: Deployed): void {
  const { kms, backend, kmsBind, backendBind } = the.project.ports;
  const containers = the.containers();
  const published = (role: Role) =>
    Object.values(containers[role].HostConfig.PortBindings ?? {})
      .flat()
      .map(({ HostIp, HostPort }) => `${HostIp}:${HostPort}`)
      .sort();
  assert.deepEqual(published("kms"), [`127.0.0.1:${kmsBind}`]);
  assert.deepEqual(published("backend"), [`127.0.0.1:${backendBind}`]);
  assert.deepEqual(published("proxy"), [`127.0.0.1:${kms}`, `127.0.0.1:${backend}`].sort());
  assert.deepEqual(published("kms-db"), []);
  assert.deepEqual(published("backend-db"), []);
}
