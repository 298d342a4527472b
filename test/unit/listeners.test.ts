import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, it } from "node:test";
import type { DeclaredListener } from "../../settings/listeners.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { checkListeners, compareListeners } from "../../programs/smoke/listeners.ts";
import { ours } from "../../names/docker.ts";

const KMS = { role: "kms", address: "127.0.0.1", port: 5012 };
const PROXY = { role: "proxy", address: "192.0.2.1", port: 5002 };

describe("comparing listeners", () => {
  it("finds nothing when they are the same, in whatever order", () => {
    assert.deepEqual(compareListeners([KMS, PROXY], [{ ...PROXY }, { ...KMS }]), {
      undeclared: [],
      missing: [],
    });
  });

  it("names undeclared listeners, and missing ones", () => {
    const other = { role: "kms-db", address: "127.0.0.1", port: 27017 };
    assert.deepEqual(compareListeners([KMS, PROXY], [KMS, other]), {
      undeclared: [other],
      missing: [PROXY],
    });
  });

  for (const [what, actual] of Object.entries({
    "another address": { ...KMS, address: "0.0.0.0" },
    "another port": { ...KMS, port: 5013 },
    "another container": { ...KMS, role: "backend" },
  })) {
    it(`treats ${what} as another listener`, () => {
      assert.deepEqual(compareListeners([KMS], [actual]), { undeclared: [actual], missing: [KMS] });
    });
  }
});

describe("checking listeners", () => {
  type Ports = Record<string, { HostIp: string; HostPort: string }[] | null>;

  /** An engine that says that it runs these containers of the deployment. */
  const engine = (containers: Record<string, Ports>) => {
    const calls: unknown[] = [];
    const docker = {
      labelled: (...args: unknown[]) => {
        calls.push(args);
        return Promise.resolve(Object.keys(containers));
      },
      run: (args: readonly string[]) => {
        calls.push(args);
        return Promise.resolve(
          JSON.stringify(
            Object.entries(containers).map(([role, Ports]) => ({
              Name: `/cybexp-test-${role}`,
              Config: { Labels: role === "nameless" ? {} : { "cybexp.role": role } },
              NetworkSettings: { Ports },
            })),
          ),
        );
      },
    };
    return { docker: docker as unknown as Docker, calls };
  };
  const check = (
    docker: Docker,
    listeners: readonly DeclaredListener[],
    dockerHost = "ssh://a@b",
  ) => checkListeners(docker, { ...ours("0123"), dockerHost, listeners });
  const bound = (HostIp: string, HostPort: number) => [{ HostIp, HostPort: String(HostPort) }];

  it("passes when the engine publishes what is declared", async () => {
    const { docker, calls } = engine({
      kms: { "5000/tcp": bound("127.0.0.1", 5012) },
      "kms-db": { "27017/tcp": null },
      proxy: { "8441/tcp": bound("192.0.2.1", 5002) },
    });
    await check(docker, [KMS, PROXY]);
    assert.deepEqual(calls, [
      ["container", "cybexp.deployment=0123"],
      ["container", "inspect", "kms", "kms-db", "proxy"],
    ]);
  });

  it("names a port that nobody declared", async () => {
    const { docker } = engine({
      kms: { "5000/tcp": bound("127.0.0.1", 5012) },
      "kms-db": { "27017/tcp": bound("0.0.0.0", 27017) },
    });
    await assert.rejects(check(docker, [KMS]), {
      name: "UserError",
      message: "0.0.0.0:27017 of kms-db is published, but the stack's config does not ask for it",
    });
  });

  it("names a container without a role by its name", async () => {
    const { docker } = engine({ nameless: { "1/tcp": bound("::", 9) } });
    await assert.rejects(check(docker, []), {
      name: "UserError",
      message:
        "[::]:9 of /cybexp-test-nameless is published, but the stack's config does not ask for it",
    });
  });

  it("names a port that is declared and not published", async () => {
    const { docker } = engine({ kms: {} });
    await assert.rejects(check(docker, [{ ...KMS, address: "::1" }]), {
      name: "UserError",
      message: "[::1]:5012 of kms should be published, but is not",
    });
  });

  it("tries a local engine's loopback ports at this machine's other addresses", async (t) => {
    const server = createServer().listen(0, "0.0.0.0");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { docker } = engine({ kms: { "5000/tcp": bound("127.0.0.1", port) } });
    const [other] = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4");
    const work = check(docker, [{ ...KMS, port }], "unix:///var/run/docker.sock");
    if (other === undefined) {
      // A machine with no network has nobody to hide from.
      await work;
    } else {
      await assert.rejects(work, {
        name: "UserError",
        message: `port ${port} of kms is bound to 127.0.0.1, but something answers at ${other.address}:${port}`,
      });
    }
  });

  it("ignores a port that the proxy serves on every address", async (t) => {
    const server = createServer().listen(0, "0.0.0.0");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const everywhere = { role: "proxy", address: "0.0.0.0", port };
    const { docker } = engine({ proxy: { "8441/tcp": bound("0.0.0.0", port) } });
    await check(docker, [everywhere], "unix:///var/run/docker.sock");
  });

  it("tries the proxy's own loopback port, but not where another listener is declared", async (t) => {
    const [other] = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4");
    if (other === undefined) {
      return; // As above.
    }
    const server = createServer().listen(0, "0.0.0.0");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const metrics = { role: "proxy", address: "127.0.0.1", port };
    const { docker } = engine({ proxy: { "8082/tcp": bound("127.0.0.1", port) } });
    await assert.rejects(check(docker, [metrics], "unix:///var/run/docker.sock"), {
      name: "UserError",
      message: `port ${port} of proxy is bound to 127.0.0.1, but something answers at ${other.address}:${port}`,
    });
    const addresses = Object.values(networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4")
      .map(({ address }) => address);
    const doors = addresses.map((address) => ({ role: "proxy", address, port }));
    const both = engine({
      proxy: {
        "8082/tcp": bound("127.0.0.1", port),
        "8441/tcp": addresses.map((address) => ({ HostIp: address, HostPort: String(port) })),
      },
    });
    await check(both.docker, [metrics, ...doors], "unix:///var/run/docker.sock");
  });

  it("leaves a port at another address than loopback's to the network", async (t) => {
    const server = createServer().listen(0, "0.0.0.0");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    for (const role of ["proxy", "kapow", "acme-challenge"]) {
      const { docker } = engine({ [role]: { "8080/tcp": bound("192.0.2.1", port) } });
      await check(docker, [{ role, address: "192.0.2.1", port }], "unix:///var/run/docker.sock");
    }
  });

  it("waits for containers that go at the end of an up, and for no others", async () => {
    const { docker } = engine({
      kapow: { "8080/tcp": bound("192.0.2.1", 5003) },
      "acme-challenge": { "8080/tcp": bound("192.0.2.1", 80) },
    });
    const expected = { ...ours("0123"), dockerHost: "ssh://a@b", listeners: [] };
    await checkListeners(docker, { ...expected, leaving: ["kapow", "acme-challenge"] });
    await assert.rejects(checkListeners(docker, { ...expected, leaving: ["kapow"] }), {
      message:
        "192.0.2.1:80 of acme-challenge is published, but the stack's config does not ask for it",
    });
  });

  it("passes when a loopback port answers on loopback alone", async (t) => {
    const server = createServer().listen(0, "127.0.0.1");
    t.after(() => server.close());
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const { docker } = engine({ kms: { "5000/tcp": bound("127.0.0.1", port) } });
    await check(docker, [{ ...KMS, port }], "unix:///var/run/docker.sock");
  });
});
