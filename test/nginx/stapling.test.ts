/** OCSP answers, handed out with a supplied certificate. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { renderCrls } from "../../render/crl.ts";
import { AUTHORITY, EC, file, make, read, server } from "../authority.ts";
import { call } from "./client.ts";
import { makeAuthority, makeClient } from "./clientPki.ts";
import { docker } from "./docker.ts";
import { COLLECTOR, Proxy, SERVER_NAME } from "./proxy.ts";
import { eventually, NO_ANSWER, Responder, RESPONDER_PORT, stapled } from "./responder.ts";

const RESPONDER = "ocsp.example.org";

/** How to be shown a certificate of that kind by TLS 1.3. */
const SIGNATURES = { ecdsa: "ECDSA+SHA256", rsa: "RSA-PSS+SHA256" } as const;
type Kind = keyof typeof SIGNATURES;

make("root", { extensions: AUTHORITY });
const extensions = [
  ...server(`DNS:${SERVER_NAME}`),
  `authorityInfoAccess=OCSP;URI:http://${RESPONDER}:${RESPONDER_PORT}/`,
];
make("ecdsa", { by: "root", key: EC, extensions });
make("rsa", { by: "root", key: ["-newkey", "rsa:2048"], extensions });
make("client", { by: "root", extensions: ["extendedKeyUsage=clientAuth"] });

/** As `suppliedPair` has it with stapling: the issuer is in the chain. */
const pair = (name: Kind) => ({
  certificate: read(`${name}.pem`) + read("root.pem"),
  privateKey: read(`${name}.key`),
});

const answers = { authority: "root", certificates: ["ecdsa", "rsa"] };

describe("OCSP stapling", () => {
  let proxy: Proxy;
  let network: { name: string; gateway: string };
  const responder = new Responder();
  before(async () => {
    const authority = await makeAuthority("client CA 1");
    const ann = await makeClient(authority, "ann");
    const revocations = await renderCrls({
      ...{ authorities: [authority], revoked: [], previous: "", now: new Date() },
    });
    proxy = await Proxy.start({
      pairs: [pair("ecdsa"), pair("rsa")],
      access: { kms: "certificate", backend: "password" },
      clients: [ann.listed],
      clientFiles: { "client-ca.crt": authority.certificate, "client-ca.crl": revocations },
    });
    const format = "--format={{(index .IPAM.Config 0).Gateway}}";
    network = {
      name: proxy.network,
      gateway: docker(["network", "inspect", proxy.network, format]),
    };
  });
  after(async () => {
    await responder.stop();
    await proxy.stop();
  });

  const shown = (kind: Kind) =>
    stapled(proxy.backend, file("root.pem"), "-sigalgs", SIGNATURES[kind]);

  const served = async () =>
    (await call({ ...proxy.backend, ca: read("root.pem") }, { auth: COLLECTOR })).status;

  async function switchTo(release: string, ocspStapling: boolean): Promise<void> {
    proxy.writeRelease(release, { ocspStapling });
    await proxy.reload(release);
  }

  /** For callers in every worker. */
  async function never(kind: Kind): Promise<void> {
    for (let calls = 0; calls < 6; calls++) {
      assert.equal(await shown(kind), NO_ANSWER);
      await sleep(50);
    }
  }

  it("is off by default", async () => {
    await responder.start(network, RESPONDER, answers);
    await never("ecdsa");
    await never("rsa");
  });

  it("hands out what the responder says of each of two certificates", async () => {
    await switchTo("stapled", true);
    await eventually("good", () => shown("ecdsa"));
    await eventually("good", () => shown("rsa"));
  });

  it("makes no client's certificate good that the same authority signed", async () => {
    const client = { certificate: read("client.pem"), privateKey: read("client.key") };
    const answer = await call({ ...proxy.kms, ca: read("root.pem") }, { client });
    assert.equal(answer.status, 403);
    const { certificate } = JSON.parse(answer.body) as { certificate: string };
    assert.equal(certificate, "foreign");
  });

  it("serves without an answer while the responder is dead", async () => {
    await responder.die();
    await switchTo("dead", true);
    await never("ecdsa");
    assert.equal(await served(), 200);
  });

  it("starts and serves where the responder's name is not even known", async () => {
    await responder.stop();
    await switchTo("unknown", true);
    await never("ecdsa");
    assert.equal(await served(), 200);
  });

  it("hands out no answer that says the certificate is revoked", async () => {
    await responder.start(network, RESPONDER, { ...answers, revoked: "rsa" });
    await switchTo("revoked", true);
    await eventually("good", () => shown("ecdsa"));
    await never("rsa");
    assert.equal(await served(), 200);
  });
});
