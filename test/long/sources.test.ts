/**
 * Server certificates from each source, as clients see them: each kind of name, names that are not among
 * them, and the grade of testssl.sh. One stack is switched from source to source.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer, isIP, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { after, before, describe, it } from "node:test";
import { connect as connectTls } from "node:tls";
import { Pebble } from "../acme/pebble.ts";
import { AUTHORITY, file, make, read, server } from "../authority.ts";
import { Sandbox } from "../images/sandbox.ts";
import { dnsPrograms } from "../integration/acmeStack.ts";
import { Deployed } from "../integration/deployed/deployed.ts";
import { docker, freePorts, Project, type StackConfig } from "../integration/project.ts";
import { eventually, NO_ANSWER, Responder, stapled } from "../nginx/responder.ts";
import { type Call, type Caller, Callers } from "./clients/callers.ts";
import { Testssl } from "./clients/testssl.ts";

const HOST = "cybexp.example.org";
const FURTHER = "privacy.example.org";
const WILDCARD = "*.apps.example.org";
const OF_WILDCARD = "kms.apps.example.org";
const ADDRESSES = ["127.0.0.1", "::1"];
const ALL = [FURTHER, WILDCARD, ...ADDRESSES];

/** What callers write into a URL, by the kind of name that it is. */
const KINDS = {
  "the host name": HOST,
  "a further name": FURTHER,
  "a name of a wildcard": OF_WILDCARD,
  "an IPv4 address": "127.0.0.1",
  "an IPv6 address": "[::1]",
} as const;
/** A wildcard stands for one label. */
const UNKNOWN = "kms.dev.apps.example.org";
/** It leads to the door, whose certificate is for another one. */
const OTHER_ADDRESS = "127.0.0.2";

/** As `Callers` has them; with those that can be told to offer RSA only. */
const CALLERS = { openssl: true, curl: true, Java: true, Python: true, Go: true, Chromium: false };

const GATEWAY = "--format={{(index .IPAM.Config 0).Gateway}}";

const RSA = ["-newkey", "rsa:2048"];

const responder = new Responder();

/**
 * Of an authority whose roots callers have, as a company's: an RSA and an ECDSA certificate at once, the latter
 * with OCSP answers.
 */
async function makeSupplied(): Promise<Record<string, unknown>> {
  const [port = 0] = await freePorts(1);
  const here = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal);
  assert.ok(here, "this machine has an address besides loopback");
  const day = (from: number) =>
    `${new Date(Date.now() + from * 86_400_000).toISOString().replace(/[-:T]|\..*/g, "")}Z`;
  const names = server(...[HOST, ...ALL].map((name) => `${kindOf(name)}:${name}`));
  for (const [kind, key] of [
    ["rsa", { key: RSA }],
    ["ecdsa", {}],
  ] as const) {
    make(`${kind}-root`, { ...key, extensions: AUTHORITY });
    make(`${kind}-issuing`, { ...key, by: `${kind}-root`, extensions: AUTHORITY });
    const dates = [day(-1), day(90)] as const;
    const extensions = [
      ...names,
      ...(kind === "ecdsa" ? [`authorityInfoAccess=OCSP;URI:http://${here.address}:${port}/`] : []),
    ];
    make(kind, { ...key, by: `${kind}-issuing`, extensions, dates });
    writeFileSync(file(`${kind}-chain.pem`), read(`${kind}.pem`) + read(`${kind}-issuing.pem`));
  }
  writeFileSync(file("roots.pem"), read("rsa-root.pem") + read("ecdsa-root.pem"));
  await responder.listen({ authority: "ecdsa-issuing", certificates: ["ecdsa"], port });
  return {
    source: "supplied",
    ocspStapling: true,
    authorities: file("roots.pem"),
    supplied: ["rsa", "ecdsa"].map((kind) => ({
      certificate: file(`${kind}-chain.pem`),
      privateKey: file(`${kind}.key`),
    })),
  };
}

const kindOf = (name: string) => (isIP(name) === 0 ? "DNS" : "IP");

/** An ACME server on this machine, where every name leads to it. */
class Authority {
  readonly #sandbox: Sandbox;
  readonly #pebble: Pebble;
  /** The port at which it looks for HTTP-01's files. */
  readonly #httpPort: number;
  readonly #way: Server;

  private constructor(sandbox: Sandbox, pebble: Pebble, httpPort: number, way: Server) {
    this.#sandbox = sandbox;
    this.#pebble = pebble;
    this.#httpPort = httpPort;
    this.#way = way;
  }

  static async open(): Promise<Authority> {
    const sandbox = await Sandbox.open();
    const [port = 0, challengePort = 0] = await freePorts(2);
    const pebble = await Pebble.start(sandbox, {
      // An address of this machine's that the stack's containers reach.
      published: { address: docker("network", "inspect", GATEWAY, sandbox.id), port },
      ...{ onMachine: true, address: "127.0.0.1", challengePort },
    });
    return new Authority(sandbox, pebble, challengePort, await wayTo(challengePort, "::1"));
  }

  /** The config of a stack. @param more Keys of `acme`. */
  async certificates(more: Record<string, unknown>): Promise<Record<string, unknown>> {
    const { directory, authorities: directoryCa } = this.#pebble;
    const known = { image: "cybexp-demo/certbot:1", email: "security@example.edu" };
    return {
      source: "acme",
      authorities: await this.#pebble.root(),
      acme: { ...known, directory, directoryCa, profile: "long", ...more },
    };
  }

  byHttp = () => this.certificates({ httpPort: this.#httpPort });

  byDns = async () =>
    this.certificates({ challenge: "dns", dns: dnsPrograms(await this.#pebble.management()) });

  async remove(): Promise<void> {
    this.#way.close();
    await this.#sandbox.close();
    await this.#pebble.close();
  }
}

let authority: Authority | undefined;

const theAuthority = async () => (authority ??= await Authority.open());

const UNREVOKED = /^cert_revocation\b.*: Neither CRL nor OCSP URI provided$/;

/** Where certificates come from, in the order in which the stack is switched; each with its config. */
const SOURCES: readonly {
  readonly source: "generated" | "supplied" | "acme";
  /** What tells it from another row of the same source. */
  readonly how?: string;
  /** The names beside the first. @default ALL */
  readonly names?: readonly string[];
  readonly certificates: () => Promise<Record<string, unknown>>;
  /** Who issues what callers see: not who issued an interim one. */
  readonly issuer: RegExp;
  /** Whether it shows an RSA certificate to callers that need one. */
  readonly both: boolean;
  /** Whether it hands out OCSP answers with the ECDSA one. */
  readonly staples: boolean;
  /** What testssl.sh finds fault with, and why that is so. */
  readonly faults: readonly RegExp[];
}[] = [
  {
    source: "generated",
    certificates: () => Promise.resolve({ source: "generated" }),
    issuer: /server CA/,
    both: false,
    staples: false,
    // They name neither (docs/decisions.md).
    faults: [UNREVOKED],
  },
  {
    source: "supplied",
    certificates: makeSupplied,
    issuer: /-issuing/,
    both: true,
    staples: true,
    // The test's RSA one.
    faults: [UNREVOKED],
  },
  {
    source: "acme",
    how: "by HTTP",
    // No file proves a wildcard (RFC 8555, 7.1.3).
    names: [FURTHER, OF_WILDCARD, ...ADDRESSES],
    certificates: async () => (await theAuthority()).byHttp(),
    issuer: /Pebble Intermediate/,
    both: false,
    staples: false,
    // Pebble's, which is for tests.
    faults: [UNREVOKED],
  },
  {
    source: "acme",
    how: "by DNS",
    // No record proves an address (RFC 8738).
    names: [FURTHER, WILDCARD],
    certificates: async () => (await theAuthority()).byDns(),
    issuer: /Pebble Intermediate/,
    both: false,
    staples: false,
    faults: [UNREVOKED],
  },
];

describe("certificates from each source", () => {
  let deployed: Deployed | undefined;
  let callers: Callers | undefined;
  let testssl: Testssl | undefined;
  const ways: Server[] = [];
  const the = () => {
    assert.ok(deployed);
    return deployed;
  };

  before(async () => {
    callers = await Callers.prepare([HOST, FURTHER, OF_WILDCARD, UNKNOWN]);
    testssl = await Testssl.prepare();
    deployed = new Deployed(await Project.create());
    // For the check at the end of an `up`; the callers below have a list of their own.
    const hosts = JSON.stringify(
      Object.fromEntries([HOST, FURTHER, OF_WILDCARD].map((name) => [name, "127.0.0.1"])),
    );
    the().project.env = { CYBEXP_REHEARSAL_HOSTS: hosts };
    for (const address of ["::1", OTHER_ADDRESS]) {
      ways.push(await wayTo(the().project.ports.kms, address));
    }
  });
  after(async () => {
    ways.forEach((way) => way.close());
    await responder.stop();
    await deployed?.project.remove();
    await authority?.remove();
    callers?.remove();
    testssl?.remove();
  });

  /** The program of a test; they are known once they are prepared. */
  function caller(name: string): Caller {
    const found = callers?.all[name];
    assert.ok(found, name);
    return found;
  }

  const by = (host: string, more: Partial<Call> = {}): Call => ({
    url: `https://${host}:${the().project.ports.kms}/`,
    ca: the().outputs.serverCa,
    credential: the().user("collector"),
    ...more,
  });

  const configure = (serverNames: readonly string[], certificates: Record<string, unknown>) =>
    the().project.configure((config: StackConfig) => {
      Object.assign(config["cybexp:proxy"] as object, { serverName: HOST, serverNames });
      config["cybexp:certificates"] = certificates;
    });

  for (const row of SOURCES) {
    const { source, how, names = ALL, both, staples, faults: known } = row;
    const hasAddress = names.some((name) => isIP(name) !== 0);
    const kinds = Object.entries(KINDS).filter(([kind]) => hasAddress || !kind.endsWith("address"));
    describe(`by source: ${[source, how].filter(Boolean).join(" ")}`, () => {
      before(async () => {
        configure(names, await row.certificates());
        const { output } = await the().up();
        assert.doesNotMatch(output, /^note: .*has not issued/m);
        assert.equal(the().outputs.certificates["proxy"]?.source, source);
        assert.match(await issuerAt(the().project.ports.kms), row.issuer);
      });

      for (const [name, hasRsaOnly] of Object.entries(CALLERS)) {
        describe(`in ${name}`, () => {
          for (const [kind, host] of kinds) {
            it(`are accepted for ${kind}`, async () => {
              assert.equal((await caller(name).call(by(host))).trim(), "up");
            });
          }

          it("are refused for an address that is not among the names", async () => {
            const { otherNames, unknownName } = caller(name);
            // Who calls an address says no name, and gets a certificate only if some address has one.
            const refusal = hasAddress ? otherNames : unknownName;
            await assert.rejects(said(caller(name), by(OTHER_ADDRESS)), refusal);
          });

          it("are not shown to who asks for another name", async () => {
            await assert.rejects(said(caller(name), by(UNKNOWN)), caller(name).unknownName);
          });

          if (both && hasRsaOnly) {
            it("are the RSA one, with its chain, if it takes no other", async () => {
              // It trusts no other authority, either.
              const question = by(HOST, { ca: read("rsa-root.pem"), rsaOnly: true });
              assert.equal((await caller(name).call(question)).trim(), "up");
            });
          }
        });
      }

      if (hasAddress) {
        it("are shown to callers that say no name, since an address is among the names", async () => {
          const { call } = caller("openssl");
          for (const host of [HOST, "127.0.0.1"]) {
            assert.equal((await call(by(host, { nameless: true }))).trim(), "up", host);
          }
        });
      } else {
        it("are not shown to callers that say no name, since no address is among the names", async () => {
          const { unknownName } = caller("openssl");
          for (const host of [HOST, "127.0.0.1"]) {
            const nameless = by(host, { nameless: true });
            await assert.rejects(said(caller("openssl"), nameless), unknownName, host);
          }
        });
      }

      const ask = () => {
        writeFileSync(file("trusted.pem"), the().outputs.serverCa);
        const door = { port: the().project.ports.kms, serverName: HOST };
        return stapled(door, file("trusted.pem"));
      };
      if (staples) {
        it("come with what the responder says, for which the proxy has a way to the world", async () => {
          await eventually("good", ask);
          const { proxy } = the().containers();
          const routes = docker("exec", proxy.Id, "cat", "/proc/net/route").split("\n");
          const [, , gateway = ""] = routes
            .map((route) => route.split(/\s+/))
            .filter(([, destination]) => destination === "00000000")
            .flat();
          // As the kernel writes it, in the order of this machine's bytes.
          const address = [...Buffer.from(gateway, "hex")].reverse().join(".");
          assert.equal(address, docker("network", "inspect", the().network("away"), GATEWAY));
          const options = "--format={{json .Options}} {{.Internal}}";
          assert.equal(docker("network", "inspect", the().network("away"), options), "{} false");
        });
      } else {
        it("come without an OCSP answer, and the proxy without a way to the world", async () => {
          assert.equal(await ask(), NO_ANSWER);
          const networks = Object.keys(the().containers().proxy.NetworkSettings.Networks);
          assert.equal(networks.includes(the().network("away")), false);
        });
      }

      it("get an A+ from testssl.sh 3.2", async (test) => {
        assert.ok(testssl);
        assert.match(testssl.version(), /^3\.2\./);
        const { ports } = the().project;
        const { grade, faults } = await testssl.grade(HOST, ports.kms, the().outputs.serverCa);
        test.diagnostic(`${grade}; ${faults.join("; ")}`);
        assert.equal(grade, "A+");
        assert.deepEqual(
          faults.filter((fault) => !known.some((pattern) => pattern.test(fault))),
          [],
        );
      });
    });
  }
});

/** What a program says, in one message. */
async function said({ call }: Caller, question: Call): Promise<string> {
  try {
    return await call(question);
  } catch (error) {
    const { message, stdout = "", stderr = "" } = error as Error & Record<string, string>;
    throw new Error(stdout + stderr || message, { cause: error });
  }
}

/** Who issued what is shown to callers of the first name. */
function issuerAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, servername: HOST, rejectUnauthorized: false };
    const socket = connectTls({ ...options, timeout: 10_000 }, () => {
      resolve(socket.getPeerX509Certificate()?.issuer ?? "nobody");
      socket.destroy();
    });
    socket.on("timeout", () => socket.destroy(new Error("no handshake in 10 s")));
    socket.on("error", reject);
  });
}

/** Another address of this machine at which the door can be reached, by its own port. */
async function wayTo(port: number, address: string): Promise<Server> {
  const way = createServer((socket) => {
    const door = connect(port, "127.0.0.1");
    socket.on("error", () => door.destroy()).pipe(door);
    door.on("error", () => socket.destroy()).pipe(socket);
  }).listen(port, address);
  await once(way, "listening");
  return way;
}
