/**
 * A Kapow! server of one stack: who gets in, what can be reached of it, and that it restarts with its
 * new files. The tests depend on their order.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { call, type Call, type ClientKey, handshake, knock } from "../integration/client.ts";
import { Deployed } from "../integration/deployed/deployed.ts";
import { assertHidden } from "../integration/deployed/secrecy.ts";
import { assertNothingToChange } from "../integration/deployed/unchanged.ts";
import { freePorts, Project } from "../integration/project.ts";
import { auditEngine } from "../../cli/doctor/cis/audit.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { makeAuthority, makeClient } from "../nginx/clientPki.ts";
import { Kept } from "./clients/kept.ts";
import { enterRequest } from "./clients/request.ts";
import { rotate, setRotation } from "./rotating/changes.ts";

const GUARD = "update Command rotation-guard";
const SMOKE = "update Command smoke";
const PROXY = "update Command proxy-release-delivery";
const REVOCATIONS = "update Command client-revocations";
/** A Kapow! with new files. */
const RESTART = [
  "update Command kapow-files-delivery",
  "replace Container kapow",
  "update Command kapow-limits",
];

const INIT = `#!/bin/sh -e
kapow route add /health -c 'kapow set /response/body well'
kapow route add /who -c 'kapow get /ssl/client/i/dn | kapow set /response/body'
kapow route add /env -c 'env | kapow set /response/body'
kapow route add /caller -c 'kapow get /request/headers/X-Cybexp-User | kapow set /response/body'
`;

describe("a Kapow! server", () => {
  let deployed: Deployed | undefined;
  let folder: string;
  let port: number;
  let door: number;
  const the = () => {
    assert.ok(deployed);
    return deployed;
  };
  const given = new Kept<ClientKey>();
  const kept = (name: string) => given.get(name);

  before(async () => {
    deployed = new Deployed(await Project.create());
    [port = 0, door = 0] = await freePorts(2);
    the().project.configure((config) => {
      Object.assign(config["cybexp:kms"] as object, { access: "either" });
      config["cybexp:clients"] = [{ name: "ann" }, { name: "rob" }];
      config["cybexp:kapow"] = {
        image: "cybexp-demo/kapow:1",
        listen: port,
        door: { listen: door, access: "either" },
        healthRoute: "/health",
        init: INIT,
      };
    });
    folder = mkdtempSync(join(tmpdir(), "cybexp-test-kapow-"));
    const privateKey = await enterRequest(the(), folder, "cat");
    await the().up();
    const { certificate = "" } = the().outputs.clients["cat"] ?? {};
    given.set("cat 1", { certificate, privateKey });
    given.set("ann 1", the().client("ann"));
    given.set("rob 1", the().client("rob"));
  });
  after(async () => {
    await deployed?.project.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  function container() {
    const { kapow } = the().containers() as unknown as Record<
      string,
      ReturnType<Deployed["containers"]>["proxy"]
    >;
    assert.ok(kapow, "there is a container with the role kapow");
    return kapow;
  }

  /** Who a caller is to a route; or what keeps it out. */
  async function who(client?: ClientKey, ca = the().outputs.serverCa): Promise<string> {
    try {
      const { status, text } = await call(`https://localhost:${port}/who`, { ca, client });
      return `${status} ${text.replace(/SERIALNUMBER=1-[0-9a-f]{32},/, "")}`;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code ?? String(error);
    }
  }

  it("keeps to the rules of the CIS Docker Benchmark", async () => {
    const findings = await auditEngine(new Docker(), `cybexp.stack=${the().project.stack}`);
    assert.deepEqual(
      findings.filter(({ role, reason }) => role === "kapow" || reason === undefined),
      findings.filter(({ role, rule }) => role === "kapow" && rule === "5.15"),
    );
  });

  it("lets a client of the stack in, and knows its name", async () => {
    assert.equal(await who(kept("ann 1")), "200 CN=ann,O=CYBEX-P");
    // Of a key that is its owner's.
    assert.equal(await who(kept("cat 1")), "200 CN=cat,O=CYBEX-P");
  });

  /** A refusal in the handshake; over TLS 1.3 the connection may be gone before it is read. */
  const shutOut = (why: string) => new RegExp(`^(ERR_SSL_[\\w/]*_ALERT_${why}|ECONNRESET|EPIPE)$`);

  it("lets nobody else in: none, a foreign and an expired certificate", async () => {
    const privateKey = the().secrets.get("client-ca-1-key.privateKeyPem");
    assert.ok(privateKey);
    const ours = { certificate: the().outputs.clientCa, privateKey };
    assert.equal(await who(await makeClient(ours, "eve")), "200 CN=eve,O=CYBEX-P");
    const expired = await makeClient(ours, "ann", { begins: -5 });
    const foreign = await makeClient(await makeAuthority("another CA"), "ann");
    assert.match(await who(), shutOut("CERTIFICATE_REQUIRED"));
    assert.match(await who(expired), shutOut("CERTIFICATE_EXPIRED"));
    assert.match(await who(foreign), shutOut("UNKNOWN_CA"));
  });

  /** What a route says through the proxy, to a certificate or a password. */
  const through = async (route: string, caller: Pick<Call, "client" | "credential">) => {
    const { status, text } = await call(`https://localhost:${door}${route}`, {
      ca: the().outputs.serverCa,
      headers: { "X-Cybexp-User": "somebody else" },
      ...caller,
    });
    return `${status} ${text.replace(/SERIALNUMBER=1-[0-9a-f]{32},/, "")}`;
  };

  it("has a door at the proxy, which tells it who called and uses its own certificate", async () => {
    assert.equal(the().outputs.kapowUrl, `https://localhost:${door}`);
    assert.equal(await through("/caller", { client: kept("ann 1") }), "200 ann");
    assert.equal(await through("/caller", { credential: the().user("analyst") }), "200 analyst");
    assert.match(await through("/caller", {}), /^401 \{"status":401,"door":"kapow",/);
    assert.equal(await through("/who", { client: kept("ann 1") }), "200 CN=kapow-proxy");
  });

  it("speaks TLS 1.2 and 1.3 only, and never in clear", async () => {
    const { certificate: cert, privateKey: key } = kept("ann 1");
    const offer = (version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3") =>
      handshake(port, {
        ...{ ca: the().outputs.serverCa, servername: "localhost", cert, key },
        ...{ minVersion: version, maxVersion: version, ciphers: "DEFAULT:@SECLEVEL=0" },
      });
    assert.equal((await offer("TLSv1.2")).protocol, "TLSv1.2");
    assert.equal((await offer("TLSv1.3")).protocol, "TLSv1.3");
    assert.match((await offer("TLSv1.1")).error ?? "", /ALERT_PROTOCOL_VERSION|ECONNRESET/);
    const plain = await call(`http://localhost:${port}/who`).then(
      ({ status }) => status,
      (error: NodeJS.ErrnoException) => error.code,
    );
    assert.ok(
      plain === 400 || plain === "ECONNRESET" || plain === "HPE_INVALID_CONSTANT",
      String(plain),
    );
  });

  it("publishes only its routes, on the given address; its other ports answer nobody", async () => {
    const { HostConfig, NetworkSettings } = container();
    assert.deepEqual(HostConfig.PortBindings, {
      "8080/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }],
    });
    const networks = Object.values(NetworkSettings.Networks);
    assert.deepEqual(Object.keys(NetworkSettings.Networks), [the().network("kapow")]);
    const address = networks[0]?.IPAddress ?? "";
    assert.match(address, /^\d/);
    const found = await Promise.all([8080, 8081, 8082].map((each) => knock(address, each)));
    assert.deepEqual(found, ["open", "ECONNREFUSED", "ECONNREFUSED"]);
    const published = await Promise.all([8081, 8082].map((each) => knock("127.0.0.1", each)));
    assert.ok(!published.includes("open") || port === 8081 || port === 8082);
  });

  it("runs as nobody, on a read-only root, without capabilities and secrets around", async () => {
    const { HostConfig, Config, State } = container();
    assert.equal(State.Health?.Status, "healthy");
    assert.equal(Config.User, "65532:65532");
    assert.equal(HostConfig.ReadonlyRootfs, true);
    assert.deepEqual(HostConfig.CapDrop, ["ALL"]);
    const { text } = await call(`https://localhost:${port}/env`, {
      ca: the().outputs.serverCa,
      client: kept("ann 1"),
    });
    assert.match(text, /^GODEBUG=tls10server=0,tls3des=0,tlsrsakex=0$/m);
    the().heard.push(["the environment of a route's command", text]);
  });

  it("is what its config says", () => assertNothingToChange(the()));

  it("restarts with its new certificate, and nothing else does", async () => {
    const old = await shown();
    setRotation(the(), { serverCertificate: 2 });
    await rotate(
      the(),
      [
        ...[GUARD, PROXY, SMOKE, ...RESTART],
        ...["server-certificate", "kapow-certificate"].flatMap((name) => [
          `replace CertRequest ${name}-request`,
          `replace LocallySignedCert ${name}`,
          `replace PrivateKey ${name}-key`,
        ]),
      ],
      ["kapow"],
    );
    assert.notEqual(await shown(), old);
    assert.equal(await who(kept("ann 1")), "200 CN=ann,O=CYBEX-P");
    assert.equal(await through("/caller", { client: kept("ann 1") }), "200 ann");
  });

  /** The certificate that it shows, by its digest. */
  function shown(): Promise<string> {
    return new Promise((resolve, reject) => {
      const { certificate: cert, privateKey: key } = kept("ann 1");
      const options = { ca: the().outputs.serverCa, servername: "localhost", cert, key };
      const socket = connect({ port, host: "127.0.0.1", ...options }, () => {
        resolve(socket.getPeerCertificate().fingerprint256);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  }

  it("knows no revocation on its own port, which up says; the proxy does", async () => {
    the().project.configure((config) => {
      config["cybexp:clients"] = (config["cybexp:clients"] as { name: string }[]).map((client) =>
        client.name === "rob" ? { ...client, revoked: true } : client,
      );
    });
    const { up } = await rotate(the(), [GUARD, REVOCATIONS, PROXY, SMOKE]);
    assert.match(
      up,
      /Kapow! knows no revocation: on its own port it still accepts the certificates of rob /,
    );
    assert.equal(await who(kept("rob 1")), "200 CN=rob,O=CYBEX-P");
    assert.match(
      await through("/caller", { client: kept("rob 1"), credential: the().user("analyst") }),
      /^403 .*"certificate":"revoked"/,
    );
    const { status } = await the().call("kms", "/", { client: kept("rob 1") });
    assert.equal(status, 403);
  });

  it("restarts with a new client authority, and lets old and new certificates in", async () => {
    setRotation(the(), { clientCa: 2 });
    await rotate(
      the(),
      [
        ...[GUARD, REVOCATIONS, PROXY, SMOKE, ...RESTART],
        "create PrivateKey client-ca-2-key",
        "create SelfSignedCert client-ca-2",
        "replace LocallySignedCert client-ann-1",
        "replace LocallySignedCert client-rob-1",
        "update Command client-cat-1",
      ],
      ["kapow"],
    );
    given.set("ann 2", the().client("ann"));
    assert.notEqual(
      new X509Certificate(kept("ann 2").certificate).fingerprint256,
      new X509Certificate(kept("ann 1").certificate).fingerprint256,
    );
    assert.equal(await who(kept("ann 1")), "200 CN=ann,O=CYBEX-P");
    assert.equal(await who(kept("ann 2")), "200 CN=ann,O=CYBEX-P");
  });

  it("shuts out who was revoked once the old authority is retired", async () => {
    setRotation(the(), { clientCaRetired: 1 });
    await rotate(
      the(),
      [
        ...[REVOCATIONS, PROXY, SMOKE, ...RESTART],
        "delete PrivateKey client-ca-1-key",
        "delete SelfSignedCert client-ca-1",
      ],
      ["kapow"],
    );
    assert.match(await who(kept("rob 1")), shutOut("UNKNOWN_CA"));
    assert.match(await who(kept("ann 1")), shutOut("UNKNOWN_CA"));
    assert.equal(await who(kept("ann 2")), "200 CN=ann,O=CYBEX-P");
    assert.match(await through("/caller", { client: kept("ann 1") }), /^401 .*not by an authority/);
    assert.equal(await through("/caller", { client: kept("ann 2") }), "200 ann");
    await assertNothingToChange(the());
  });

  it("shows no private key anywhere", () => {
    const owners = ["kapow-certificate", "kapow-health", "kapow-proxy", "client-ca-2"];
    assertHidden(
      the(),
      owners.map((name) => `${name}-key.privateKeyPem`),
    );
  });
});
