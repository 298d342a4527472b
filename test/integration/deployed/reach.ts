import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { networkInterfaces } from "node:os";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { call, knock } from "../client.ts";
import { docker } from "../project.ts";
import type { Deployed, Role } from "./deployed.ts";

export function reach(the: () => Deployed): void {
  it("binds every port to 127.0.0.1 and to no other address of this machine", () =>
    assertLoopbackOnly(the()));

  it("keeps the databases from the proxy, by name and by address", async () => {
    const proxy = inside(the, "proxy");
    assert.equal(await proxy("getent", "hosts", "kms"), 0);
    const addresses = ["kms-db", "backend-db"].map((role) => address(the, role as Role));
    assert.deepEqual(await reachable(the, "backend", [`${addresses[1]}:27017`]), [
      `${addresses[1]}:27017`,
    ]);
    // 2: no such name.
    const names = ["kms-db", "backend-db"].map((role) => proxy("getent", "hosts", role));
    assert.deepEqual(await Promise.all(names), [2, 2]);
    const curl = ["curl", "-sS", "--connect-timeout", "2"];
    for (const status of await Promise.all(
      addresses.map((host) => proxy(...curl, `http://${host}:27017/`)),
    )) {
      // 7: refused or no route; 28: no answer.
      assert.ok(status === 7 || status === 28, `curl from the proxy to a database: ${status}`);
    }
  });

  it("keeps KMS and Backend from each other, each other's database, and other containers", async () => {
    const { stack } = the().project;
    const stranger = `cybexp-test-stranger-${stack}`;
    const image = the().containers().kms.Image;
    const server = ["-m", "http.server", "8080", "--directory", "/tmp"];
    docker("run", "-d", "--rm", "--name", stranger, "--entrypoint", "python3", image, ...server);
    try {
      const format = "{{.NetworkSettings.IPAddress}}";
      const elsewhere = docker("container", "inspect", "--format", format, stranger);
      let answer = "";
      for (let tries = 0; answer !== "open" && tries < 100; tries++) {
        answer = await knock(elsewhere, 8080);
        await sleep(100);
      }
      assert.equal(answer, "open", "the stranger can be reached from this machine");
      const targets = (role: "kms" | "backend") => [
        `${address(the, role)}:5000`,
        `${address(the, role, `${role}-db`)}:5000`,
        `${address(the, `${role}-db`)}:27017`,
        `${elsewhere}:8080`,
      ];
      const own = (role: "kms" | "backend") => `${address(the, `${role}-db`)}:27017`;
      assert.deepEqual(await reachable(the, "kms", [own("kms"), ...targets("backend")]), [
        own("kms"),
      ]);
      assert.deepEqual(await reachable(the, "backend", [own("backend"), ...targets("kms")]), [
        own("backend"),
      ]);
    } finally {
      docker("rm", "-f", stranger);
    }
  });

  it("gives the services no way out: internal networks, and no masquerade on the other", () => {
    const rules = execFileSync("iptables", ["-t", "nat", "-S", "POSTROUTING"], {
      encoding: "utf8",
    });
    const masqueraded = (part: string) => {
      const subnet = network(the, part).IPAM.Config[0]?.Subnet ?? "";
      assert.match(subnet, /^\d/);
      return rules.includes(`-A POSTROUTING -s ${subnet} ! -o`);
    };
    // The one network that may call out: the rule is found where there is one.
    assert.equal(masqueraded("edge"), true);
    for (const part of ["kms", "backend", "kms-db", "backend-db"]) {
      assert.equal(masqueraded(part), false, part);
    }
    assert.equal(network(the, "kms-db").Internal, true);
    assert.equal(network(the, "backend-db").Internal, true);
  });

  it("puts each container into its own networks alone", () => {
    const containers = the().containers();
    const of = (role: Role) =>
      Object.keys(containers[role].NetworkSettings.Networks)
        .map((name) => name.replace(`cybexp-${the().project.stack}-`, ""))
        .sort();
    assert.deepEqual(of("kms"), ["kms", "kms-db"]);
    assert.deepEqual(of("backend"), ["backend", "backend-db"]);
    assert.deepEqual(of("kms-db"), ["kms-db"]);
    assert.deepEqual(of("backend-db"), ["backend-db"]);
    assert.deepEqual(of("proxy"), ["backend", "edge", "kms"]);
  });
}

/** Of a stack whose proxy listens on loopback, too. */
export async function assertLoopbackOnly(the: Deployed): Promise<void> {
  const { kms, backend, kmsBind, backendBind } = the.project.ports;
  for (const port of [kmsBind, backendBind]) {
    const answer = await call(`http://127.0.0.1:${port}/`);
    assert.equal(answer.text.trim(), "up");
  }
  const others = [...outsideAddresses(), "127.0.0.2", "::1"];
  assert.ok(others.length > 2, "this machine has an address besides loopback");
  for (const host of others) {
    for (const port of [kms, backend, kmsBind, backendBind]) {
      assert.equal(await knock(host, port), "ECONNREFUSED", `${host} port ${port}`);
    }
  }
}

function outsideAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith("fe80:"))
    .map(({ address }) => address);
}

/** A container's address in one of its networks; by default in the one that is called as it is. */
function address(the: () => Deployed, role: Role, network: string = role): string {
  const { Networks } = the().containers()[role].NetworkSettings;
  const found = Networks[the().network(network)]?.IPAddress ?? "";
  assert.match(found, /^\d/, `${role} has an address in ${network}`);
  return found;
}

/** Runs a command in a container; gives its exit code. */
function inside(the: () => Deployed, role: Role) {
  const { Id } = the().containers()[role];
  // A name that Docker does not know is asked of servers that may not answer.
  const quick = ["--env", "RES_OPTIONS=timeout:1 attempts:1"];
  return (...command: string[]): Promise<number | null> =>
    new Promise((resolve) => {
      spawn("docker", ["exec", ...quick, Id, ...command], { stdio: "ignore" }).on("close", resolve);
    });
}

/** Prints those of the addresses in its arguments that take a connection. */
const CONNECT = `
import concurrent.futures, socket, sys
def attempt(target):
    host, port = target.split(":")
    try:
        socket.create_connection((host, int(port)), 2).close()
        return target
    except OSError:
        return None
with concurrent.futures.ThreadPoolExecutor() as pool:
    print(*filter(None, pool.map(attempt, sys.argv[1:])), sep="\\n")
`;

/** Those of the addresses, as in "192.0.2.1:80", that a service's container can connect to. */
async function reachable(
  the: () => Deployed,
  from: "kms" | "backend",
  targets: readonly string[],
): Promise<string[]> {
  const { Id } = the().containers()[from];
  const exec = ["exec", Id, "python3", "-c", CONNECT, ...targets];
  const { stdout } = await promisify(execFile)("docker", exec);
  return stdout.split("\n").filter(Boolean);
}

interface Network {
  readonly Internal: boolean;
  readonly IPAM: { readonly Config: readonly { readonly Subnet: string }[] };
}

function network(the: () => Deployed, part: string): Network {
  const [found] = JSON.parse(docker("network", "inspect", the().network(part))) as Network[];
  assert.ok(found);
  return found;
}
