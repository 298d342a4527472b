/** A Kapow! server at a port of its own and behind the proxy, with certificates by ACME. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { AUTHORITY, file, make, read, server as serverExtensions } from "../authority.ts";
import { AcmeStack, until } from "../integration/acmeStack.ts";
import { call, type Call, type ClientKey, type Credential } from "../integration/client.ts";
import { freePorts } from "../integration/project.ts";

const KAPOW = "kapow.test.example";
const PROXY = "cybexp.test.example";

const INIT = `
kapow route add /health -c 'kapow set /response/body well'
kapow route add /who -c 'kapow get /ssl/client/i/dn | kapow set /response/body'
kapow route add /caller -c 'kapow get /request/headers/X-Cybexp-User | kapow set /response/body'
`;

interface Outputs {
  readonly serverCa: string;
  readonly certificates: Readonly<Record<string, { source: string; notAfter?: string }>>;
  readonly clients: Readonly<Record<string, ClientKey>>;
  readonly users: Readonly<Record<string, Credential>>;
}

describe("certificates by ACME for Kapow!", () => {
  let stack: AcmeStack;
  let outputs: Outputs;
  let port: number;
  let door: number;
  /** All that callers of Kapow! trust. */
  let root: string;

  before(async () => {
    stack = await AcmeStack.create();
    root = await stack.pebble.root();
    [port = 0, door = 0] = await freePorts(2);
    stack.configure((_, __, config) => {
      config["cybexp:clients"] = [{ name: "ann" }];
      config["cybexp:kapow"] = {
        image: "cybexp-demo/kapow:1",
        serverName: KAPOW,
        listen: port,
        door: { listen: door, access: "certificate" },
        healthRoute: "/health",
        init: `#!/bin/sh -e${INIT}`,
      };
    });
  });
  after(() => stack.remove());

  async function up(): Promise<string> {
    const output = await stack.up();
    outputs = (await stack.project.outputs()) as unknown as Outputs;
    return output;
  }

  const ann = () => {
    const client = outputs.clients["ann"];
    assert.ok(client);
    return client;
  };

  /** At this machine, by a name that nobody here knows. */
  const at = (url: string, more: Partial<Call>) =>
    call(url, { address: "127.0.0.1", ca: root, ...more });
  const atKapow = (more: Partial<Call> = { client: ann() }) =>
    at(`https://${KAPOW}:${port}/who`, more);
  const atDoor = (ca = root) => at(`https://${PROXY}:${door}/caller`, { client: ann(), ca });
  const atKms = () =>
    at(`https://${PROXY}:${stack.project.ports.kms}/`, {
      credential: outputs.users["collector"],
    });

  /** What Kapow! shows to a client of the stack. */
  function shownByKapow(): Promise<X509Certificate> {
    return new Promise((resolve, reject) => {
      const { certificate: cert, privateKey: key } = ann();
      const options = { ca: outputs.serverCa, servername: KAPOW, cert, key, timeout: 10_000 };
      const socket = connect({ host: "127.0.0.1", port, ...options }, () => {
        resolve(new X509Certificate(socket.getPeerCertificate().raw));
        socket.destroy();
      });
      socket.on("timeout", () => socket.destroy(new Error("no handshake in 10 s")));
      socket.on("error", reject);
    });
  }

  const answers = async () => {
    const both = await Promise.allSettled([atKapow(), atDoor()]);
    return both.every((one) => one.status === "fulfilled" && one.value.status === 200) || undefined;
  };

  /** Kapow! answers at both ways, to who trusts the ACME server's root alone. */
  async function assertServed(ca = root) {
    const { status, text } = await atKapow({ client: ann(), ca });
    assert.equal(
      `${status} ${text.replace(/SERIALNUMBER=1-[0-9a-f]{32},/, "")}`,
      "200 CN=ann,O=CYBEX-P",
    );
    const through = await atDoor(ca);
    assert.equal(`${through.status} ${through.text}`, "200 ann");
  }

  /** Right after an `up`: what it says of both certificates is what callers are shown. */
  async function assertIssued() {
    const shown = { kapow: await shownByKapow(), proxy: await stack.shown() };
    for (const [server, { issuer, validToDate }] of Object.entries(shown)) {
      assert.match(issuer, /Pebble Intermediate/, server);
      const { source, notAfter } = outputs.certificates[server] ?? {};
      assert.deepEqual(
        [source, Date.parse(notAfter ?? "")],
        ["acme", validToDate.getTime()],
        server,
      );
    }
    assert.equal(shown.kapow.subjectAltName, `DNS:${KAPOW}`);
    assert.equal(shown.proxy.subjectAltName, `DNS:${PROXY}, DNS:localhost.example`);
    await assertServed();
  }

  it("are there when the first up ends, for its own names, and the proxy's likewise", async () => {
    assert.doesNotMatch(await up(), /^note: .*certificate/m);
    await assertIssued();
  });

  it("leave the door shut for callers without a client certificate", async () => {
    await assert.rejects(atKapow({}), { code: /CERTIFICATE_REQUIRED|ECONNRESET|EPIPE/ });
  });

  it("are no change for a second up, and well to the doctor", async () => {
    assert.match(await up(), /Nothing changed/);
    const { output } = await stack.project.npm("doctor");
    assert.match(output, /✔ renewal +the certificate authority renews what the servers show/);
    assert.doesNotMatch(output, /✖/);
  });

  it("are new ones with new keys when that up ends which asks for them", async () => {
    const before = { kapow: await shownByKapow(), proxy: await stack.shown() };
    const ids = [stack.id("kapow"), stack.id("proxy")];
    stack.configure((_, __, config) => (config["cybexp:rotation"] = { serverCertificate: 2 }));
    assert.doesNotMatch(await up(), /^note: .*certificate/m);
    await assertIssued();
    assert.ok(!keyIs(before.kapow, await shownByKapow()));
    assert.ok(!keyIs(before.proxy, await stack.shown()));
    assert.deepEqual([stack.id("kapow"), stack.id("proxy")], ids);
  });

  it("are renewed again and again, and nobody is refused longer than a restart of Kapow! takes", async (t) => {
    stack.configure((_, acme, config) => {
      acme["profile"] = "minutes";
      config["cybexp:rotation"] = { serverCertificate: 3 };
    });
    await up();
    const ids = [stack.id("kapow"), stack.id("proxy")];
    const proxys = new Set<string>();
    const looked = async () => {
      const shown = await stack.shown();
      proxys.add(shown.serialNumber);
      assert.ok(shown.validToDate > new Date(), "never an expired one");
    };
    const watched = async (work: () => Promise<void>) => {
      const [own, through, kms] = [() => atKapow(), () => atDoor(), atKms].map(
        (call) => new Witness(call),
      );
      await work();
      await until("Kapow! answers", answers, 120);
      assert.deepEqual(await kms?.end(), []);
      return { own: (await own?.end()) ?? [], door: (await through?.end()) ?? [] };
    };

    const renewals: Gaps[] = [];
    const restarts: Gaps[] = [];
    // By turns, so that both meet with the same load of this machine.
    while (renewals.length < 3) {
      const { serialNumber } = await shownByKapow();
      const renewed = async () => {
        await looked();
        const shown = await shownByKapow().catch(() => undefined);
        assert.ok(shown === undefined || shown.validToDate > new Date(), "never an expired one");
        return (shown && shown.serialNumber !== serialNumber) || undefined;
      };
      renewals.push(
        await watched(async () => {
          await until("renewed", renewed, 240);
        }),
      );
      restarts.push(
        await watched(async () => {
          await stack.sandbox.docker("restart", stack.container("kapow"));
        }),
      );
    }
    t.diagnostic(`renewals ${JSON.stringify(renewals)}`);
    t.diagnostic(`restarts ${JSON.stringify(restarts)}`);
    for (const way of ["own", "door"] as const) {
      const lengths = (all: readonly Gaps[]) =>
        all.flatMap((gaps) => gaps[way].map(({ ms }) => ms));
      assert.equal(lengths(renewals).length, 3, "one restart for each renewal");
      assert.ok(Math.min(...lengths(renewals)) <= Math.max(...lengths(restarts)), way);
      assert.ok(Math.max(...lengths(renewals)) < 60_000, way);
    }
    const failures = renewals.flatMap(({ own, door }) =>
      [...own, ...door].flatMap((gap) => gap.failures),
    );
    assert.deepEqual(
      failures.filter((failure) => !/^(404|502|ECONNRESET|ECONNREFUSED|EPIPE)$/.test(failure)),
      [],
    );
    await looked();
    assert.ok(proxys.size > 3, `the proxy showed ${proxys.size}`);
    assert.deepEqual([stack.id("kapow"), stack.id("proxy")], ids);
    await assertServed();
  });

  it("are there when the up ends, too, where the routes take their time", async () => {
    stack.configure((_, __, config) => {
      (config["cybexp:kapow"] as { init: string }).init = `#!/bin/sh -e\nsleep 10${INIT}`;
    });
    stack.configure((_, acme) => (acme["profile"] = "long"));
    await up();
    const before = await shownByKapow();
    stack.configure((_, __, config) => (config["cybexp:rotation"] = { serverCertificate: 4 }));
    assert.doesNotMatch(await up(), /^note: .*certificate/m);
    await assertIssued();
    assert.notEqual((await shownByKapow()).serialNumber, before.serialNumber);
  });

  it("are left for supplied and generated ones, and come back to", async () => {
    make("company-root", { extensions: AUTHORITY });
    const names = { kapow: [KAPOW], proxy: [PROXY, "localhost.example"] };
    const supplied = (["kapow", "proxy"] as const).map((server) => {
      const extensions = serverExtensions(...names[server].map((name) => `DNS:${name}`));
      make(server, { by: "company-root", extensions });
      const privateKey = file(`${server}.key`);
      return { for: server, certificate: read(`${server}.pem`), privateKey };
    });
    const switchTo = async (source: string, issuer: RegExp) => {
      stack.configure((certificates) => Object.assign(certificates, { source, supplied }));
      await up();
      for (const shown of [await shownByKapow(), await stack.shown()]) {
        assert.match(shown.issuer, issuer);
      }
      assert.equal((await shownByKapow()).subjectAltName, `DNS:${KAPOW}`);
      await assertServed(outputs.serverCa);
    };
    stack.configure(
      (certificates) => (certificates["authorities"] = root + read("company-root.pem")),
    );
    await switchTo("supplied", /company-root/);
    await switchTo("generated", /server CA/);
    await switchTo("acme", /Pebble Intermediate/);
    await assertIssued();
  });
});

/** Kapow! starts programs for each call, and this machine has other things to do. */
const PAUSE_MS = 200;

/** Calls again and again, on a new connection each time. */
class Witness {
  readonly #running: Promise<void>;
  readonly #call: () => Promise<{ readonly status: number }>;
  readonly #gaps: Gap[] = [];
  #isOver = false;

  constructor(call: () => Promise<{ readonly status: number }>) {
    this.#call = call;
    this.#running = this.#run();
  }

  /** When no call was answered well: from the last good answer before to the first after. */
  async end(): Promise<readonly Gap[]> {
    this.#isOver = true;
    await this.#running;
    return this.#gaps;
  }

  async #run(): Promise<void> {
    let good = performance.now();
    let failures: string[] = [];
    while (!this.#isOver || failures.length > 0) {
      const failure = await this.#call().then(
        ({ status }) => (status === 200 ? undefined : String(status)),
        (error: NodeJS.ErrnoException) => error.code ?? error.message,
      );
      const now = performance.now();
      if (failure !== undefined) {
        failures.push(failure);
      } else {
        if (failures.length > 0) {
          this.#gaps.push({ ms: Math.round(now - good), failures: [...new Set(failures)] });
        }
        good = now;
        failures = [];
      }
      await sleep(PAUSE_MS);
    }
  }
}

interface Gap {
  readonly ms: number;
  readonly failures: readonly string[];
}

/** At Kapow!'s own port and at its door. */
interface Gaps {
  readonly own: readonly Gap[];
  readonly door: readonly Gap[];
}

const keyIs = (one: X509Certificate, other: X509Certificate) =>
  one.publicKey.equals(other.publicKey);
