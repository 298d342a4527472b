/** A stack whose certificates an authority of the operator's signs: the way there, on, and back. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "node:tls";
import { AUTHORITY, file, make, read, server, sign } from "../authority.ts";
import { call } from "./client.ts";
import { docker, Project } from "./project.ts";
import { filesOf } from "./secrets.ts";

const NAMES = server("DNS:localhost");
make("root", { extensions: AUTHORITY });
make("issuing", { by: "root", extensions: AUTHORITY });
make("rsa", { by: "issuing", key: ["-newkey", "rsa:2048"], extensions: NAMES });
make("other", { by: "issuing", key: ["-newkey", "rsa:2048"], extensions: NAMES });

const chainOf = (name: string) => read(`${name}.pem`) + read("issuing.pem");

let project: Project;
let callers: Callers;
let proxyId: string;

interface Outputs {
  readonly kmsUrl: string;
  readonly serverCa: string;
  readonly users: Record<string, { user: string; password: string }>;
  readonly certificateRequests?: Record<string, string>;
  readonly certificates: Record<string, { source: string; notAfter: string }>;
}
const outputs = async () => (await project.outputs()) as unknown as Outputs;

async function run(command: string, ...args: string[]): Promise<string> {
  const { code, output } = await project.npm(command, ...args);
  assert.equal(code, 0, output);
  return output;
}

const setCertificates = (certificates: Record<string, unknown>) =>
  project.configure((config) => {
    config["cybexp:certificates"] = { authorities: read("root.pem"), ...certificates };
  });

/** As the reference says: from standard input, so that it is nobody's argument. */
async function setPrivateKey(index: number, name: string): Promise<void> {
  const path = `cybexp:certificates.supplied[${index}].privateKey`;
  const set = ["config", "set", "--secret", "--path", path, "--stack", project.stack];
  const { code, output } = await project.feed(read(`${name}.key`), "pulumi", ...set);
  assert.equal(code, 0, output);
}

/** Who signed what a caller is shown; one that knows RSA only is shown another one. */
async function issuerShown(ca: string, kind?: "RSA" | "ECDSA"): Promise<string> {
  const socket = connect({
    ...{ host: "localhost", port: project.ports.kms, servername: "localhost", ca },
    ...(kind && { maxVersion: "TLSv1.2" as const, ciphers: `ECDHE-${kind}-AES128-GCM-SHA256` }),
  });
  try {
    return await new Promise((resolve, reject) => {
      socket.once("error", reject);
      socket.once("secureConnect", () => {
        resolve(String(socket.getPeerCertificate().issuer.CN));
      });
    });
  } finally {
    socket.destroy();
  }
}

/** Callers that trust what the stack says from its first `up` on: none of their requests may fail. */
class Callers {
  readonly answers = new Map<string, number>();
  #calling = true;
  readonly #done: Promise<void>;

  constructor({ kmsUrl, serverCa, users }: Outputs) {
    this.#done = (async () => {
      while (this.#calling) {
        const answer = await call(`${kmsUrl}/`, { ca: serverCa, credential: users["collector"] })
          .then(({ status }) => String(status))
          .catch((error: Error) => error.message);
        this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
        await sleep(50);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#calling = false;
    await this.#done;
  }
}

describe("a stack with supplied certificates", () => {
  before(async () => {
    project = await Project.create();
    // Handed out before the switch: the authority is among those to trust already.
    setCertificates({ source: "generated" });
    await run("up");
    proxyId = docker("inspect", "--format={{.Id}}", `cybexp-${project.stack}-proxy`);
    const first = await outputs();
    assert.ok(first.serverCa.endsWith(read("root.pem")), first.serverCa);
    callers = new Callers(first);
  });
  after(async () => {
    await callers.stop();
    await project.remove();
  });

  it("offers a request, and serves an interim certificate until it is signed", async () => {
    setCertificates({ source: "supplied", supplied: [{}] });
    await run("up");
    const { certificateRequests, serverCa, certificates } = await outputs();
    assert.deepEqual(Object.keys(certificateRequests ?? {}), ["proxy-ecdsa"]);
    assert.match(await issuerShown(serverCa), /server CA/);
    assert.equal(certificates["proxy"]?.source, "generated");
    writeFileSync(file("stack.csr"), certificateRequests?.["proxy-ecdsa"] ?? "");
    sign("stack", { by: "issuing", extensions: NAMES, subject: "/O=Example/CN=stack" });
  });

  it("serves the signed certificate, from a file, with the key that never left the stack", async () => {
    writeFileSync(join(project.dir, "server.pem"), chainOf("stack"));
    setCertificates({ source: "supplied", supplied: [{ certificate: "server.pem" }] });
    assert.match(await run("preview"), /certificate/);
    await run("up");
    const { serverCa, certificates } = await outputs();
    assert.equal(await issuerShown(serverCa), "issuing");
    assert.deepEqual(
      [certificates["proxy"]?.source, certificates["proxy"]?.notAfter],
      ["supplied", "2099-12-31T23:59:59Z"],
    );
    assert.match(await run("up"), /^Nothing changed: /m);
    assert.match(await run("doctor"), /✔ certificates/);
  });

  it("refuses a wrong key before anything is touched, and doesn't show it", async () => {
    setCertificates({
      source: "supplied",
      supplied: [{ certificate: "server.pem" }, { certificate: chainOf("rsa"), privateKey: "" }],
    });
    await setPrivateKey(1, "other");
    for (const command of ["preview", "up"]) {
      const { code, output } = await project.npm(command);
      assert.equal(code, 1, output);
      assert.match(
        output,
        /^cybexp:certificates\.supplied\[1\]\.privateKey = \(not shown\)\n {2}The private key is not the one of the certificate\./m,
      );
      assert.doesNotMatch(output, /PRIVATE KEY/);
    }
    const plain = await project.pulumi("preview");
    assert.notEqual(plain.code, 0);
    assert.match(plain.output, /The private key is not the one of the certificate\./);
  });

  it("shows each caller the RSA or the ECDSA certificate, as it can verify", async () => {
    await setPrivateKey(1, "rsa");
    await run("up");
    const { serverCa } = await outputs();
    assert.equal(await issuerShown(serverCa, "RSA"), "issuing");
    assert.equal(await issuerShown(serverCa, "ECDSA"), "issuing");
    assert.match(await run("up"), /^Nothing changed: /m);
  });

  it("keeps the private key in the stack's file and state encrypted, and in no container's description", () => {
    const secret = read("rsa.key").split("\n")[3] ?? "";
    assert.ok(secret.length > 40);
    assert.ok(!project.readStackFile().includes(secret));
    for (const found of filesOf(join(project.dir, ".cybexp"))) {
      assert.ok(!readFileSync(found, "latin1").includes(secret), `${found} has the key`);
    }
    const ids = docker("ps", "-q", "--filter", `label=cybexp.stack=${project.stack}`).split("\n");
    assert.ok(!docker("inspect", ...ids).includes(secret));
  });

  it("ends the run with one sentence if a certificate was made of no request of the stack's", async () => {
    make("stranger", { by: "issuing", extensions: NAMES });
    writeFileSync(join(project.dir, "server.pem"), chainOf("stranger"));
    const { code, output } = await project.npm("up");
    assert.notEqual(code, 0);
    assert.match(
      output,
      /The supplied certificate was not made from a request of this stack: none of its keys fits\./,
    );
    assert.doesNotMatch(output, /^ +at /m);
    const { serverCa } = await outputs();
    assert.equal(await issuerShown(serverCa, "ECDSA"), "issuing");
  });

  it("goes back to generated ones; in all that, no request failed and the proxy stayed", async () => {
    setCertificates({ source: "generated" });
    await run("up");
    const { serverCa, certificateRequests } = await outputs();
    assert.match(await issuerShown(serverCa), /server CA/);
    assert.equal(certificateRequests, undefined);
    await callers.stop();
    assert.deepEqual([...callers.answers.keys()], ["200"]);
    assert.ok((callers.answers.get("200") ?? 0) > 200);
    assert.equal(docker("inspect", "--format={{.Id}}", `cybexp-${project.stack}-proxy`), proxyId);
  });
});
