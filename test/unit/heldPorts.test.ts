import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { holderOf } from "../../settings/heldPorts.ts";

const at = (role: string, address: string, port: number) => ({ role, address, port });

describe("who holds a port that a container wants to listen on", () => {
  it("is nobody if no container of the stack has it", () => {
    const held = [at("proxy", "192.0.2.1", 5002), at("kms", "127.0.0.1", 5012)];
    assert.equal(holderOf(at("proxy", "192.0.2.1", 5003), held), "nobody");
    assert.equal(holderOf(at("proxy", "192.0.2.2", 5002), held), "nobody");
  });

  for (const address of ["::", "0.0.0.0", "::1", "2001:db8::10"]) {
    it(`is the container itself at ${address}`, () => {
      const wanted = at("proxy", address, 8441);
      assert.equal(holderOf(wanted, [at("proxy", address, 8442), wanted]), "itself");
    });
  }

  it("is the container itself, if its address widens or narrows", () => {
    const [every, one] = [at("proxy", "0.0.0.0", 5002), at("proxy", "192.0.2.1", 5002)];
    assert.equal(holderOf(every, [one]), "itself");
    assert.equal(holderOf(one, [every]), "itself");
    assert.equal(holderOf(one, [at("proxy", "::", 5002)]), "itself");
  });

  it("doesn't matter if a service releases it to the proxy, which is replaced later", () => {
    const wanted = at("proxy", "127.0.0.1", 5012);
    assert.equal(holderOf(wanted, [at("kms", "127.0.0.1", 5012)]), "itself");
  });

  it("is a container that releases it too late", () => {
    for (const role of ["proxy", "backend", "kapow"]) {
      const held = [at(role, "127.0.0.1", 5012)];
      assert.deepEqual(holderOf(at("kms", "127.0.0.1", 5012), held), { role });
    }
    const kapow = [at("kapow", "127.0.0.1", 5003)];
    assert.deepEqual(holderOf(at("proxy", "127.0.0.1", 5003), kapow), { role: "kapow" });
  });

  it("is no matter for what answers an ACME server, which is replaced after the proxy", () => {
    const wanted = at("acme-challenge", "192.0.2.1", 80);
    for (const role of ["kms", "backend-db", "proxy"]) {
      assert.equal(holderOf(wanted, [at(role, "0.0.0.0", 80)]), "itself", role);
    }
    assert.deepEqual(holderOf(wanted, [at("kapow", "192.0.2.1", 80)]), { role: "kapow" });
    assert.deepEqual(holderOf(at("proxy", "192.0.2.1", 80), [wanted]), { role: "acme-challenge" });
  });
});
