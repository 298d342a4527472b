import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { createSecureContext, type TLSSocket } from "node:tls";
import { execa, execaSync } from "execa";
import { parse, stringify } from "yaml";
import { makeBundle } from "../../cli/client/bundle.ts";
import { writeFolder } from "../../cli/client/folder.ts";
import { type Outputs, pickClient, readOutputs } from "../../cli/client/outputs.ts";
import { renderEntry, withEntry } from "../../cli/client/stackEntry.ts";
import { summary, writeBundle } from "../../cli/client/client.ts";
import { projectRoot } from "../../machine/paths.ts";
import { type Authority, issue, makeAuthority, makeRequest, type Pair } from "./pki.ts";

const PASSWORD = /^[a-km-np-z2-9]{7}(-[a-km-np-z2-9]{7}){3}$/;

const doors = [
  { title: "KMS    ", url: "https://localhost:5002", access: "certificate" },
  { title: "Backend", url: "https://localhost:5001", access: "both" },
];

function scratch(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "cybexp-client-")));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

let clientCa: Authority;
let serverCa: Authority;
let alice: Pair;

before(async () => {
  clientCa = await makeAuthority("clients");
  serverCa = await makeAuthority("servers");
  alice = await issue(clientCa, "alice", { usage: "client" });
});

function bundleOf(more: Partial<Parameters<typeof makeBundle>[0]> = {}) {
  return makeBundle({
    stack: "dev",
    name: "alice",
    ...alice,
    serverCa: serverCa.certificate,
    doors,
    ...more,
  });
}

const text = (files: ReadonlyMap<string, string | Uint8Array>, name: string) =>
  String(files.get(name));

describe("a client's bundle", () => {
  it("has the certificate, the key as every program reads it, both, and a PKCS#12 file", () => {
    const { files, password, validTo } = bundleOf();
    assert.deepEqual([...files.keys()].sort(), [
      "README.txt",
      "alice.crt",
      "alice.key",
      "alice.p12",
      "alice.pem",
      "server-ca.crt",
    ]);
    assert.equal(files.get("alice.crt"), alice.certificate);
    assert.equal(files.get("server-ca.crt"), serverCa.certificate);
    assert.match(alice.privateKey, /^-----BEGIN EC PRIVATE KEY-----\n/);
    const key = text(files, "alice.key");
    assert.match(key, /^-----BEGIN PRIVATE KEY-----\n[^-]+-----END PRIVATE KEY-----\n$/);
    assert.equal(files.get("alice.pem"), alice.certificate + key);
    createSecureContext({ cert: text(files, "alice.crt"), key });
    assert.match(password ?? "", PASSWORD);
    const pfx = files.get("alice.p12") as Buffer;
    createSecureContext({ pfx, passphrase: password });
    assert.deepEqual(validTo, new X509Certificate(alice.certificate).validToDate);
  });

  it("has another password each time, and has it in no file", () => {
    const [one, two] = [bundleOf(), bundleOf()];
    assert.ok(one.password !== undefined && two.password !== undefined);
    assert.notEqual(one.password, two.password);
    for (const [name, content] of one.files) {
      assert.ok(!Buffer.from(content).includes(one.password), name);
    }
  });

  it("has no key and no PKCS#12 file where the key was made elsewhere", () => {
    const { files, password } = bundleOf({ privateKey: undefined });
    assert.deepEqual([...files.keys()].sort(), ["README.txt", "alice.crt", "server-ca.crt"]);
    assert.equal(password, undefined);
    assert.match(
      text(files, "README.txt"),
      /The owner created the private key, so it is not in this folder. For the commands below, put it\nhere as alice\.key, readable only by you\./,
    );
  });

  it("is refused if the certificate has expired", () => {
    const { validToDate } = new X509Certificate(alice.certificate);
    assert.throws(() => bundleOf({ now: validToDate }), {
      name: "UserError",
      message: `the certificate of alice expired on ${validToDate.toISOString().slice(0, 10)}: \`npm run up\` makes a new one`,
    });
    bundleOf({ now: new Date(validToDate.getTime() - 1) });
  });

  it("is refused if certificate and key belong to two generations", async () => {
    const { privateKey } = await issue(clientCa, "alice", { usage: "client" });
    assert.throws(() => bundleOf({ privateKey }), {
      name: "UserError",
      message:
        "the certificate of alice does not match its key: run `npm run up`, and then this again",
    });
  });

  it("is refused for a client whose files would pass for the server's authority", () => {
    for (const name of ["server-ca", "Server-CA"]) {
      assert.throws(() => bundleOf({ name }), {
        name: "UserError",
        message: `${name}.crt is the file of the server's authority in every bundle: rename the client`,
      });
    }
  });
});

describe("a bundle's README", () => {
  it("says whose it is, what it opens, and what each file is for", () => {
    const { validToDate, fingerprint256 } = new X509Certificate(alice.certificate);
    const readme = text(bundleOf().files, "README.txt");
    assert.equal(
      readme.slice(0, readme.indexOf("curl:")),
      `Client certificate of alice

  KMS      https://localhost:5002  takes the certificate
  Backend  https://localhost:5001  takes the certificate together with user name and password

  Subject      CN=alice
  Issued by    CN=clients
  Valid until  ${validToDate.toISOString()}
  SHA-256      ${fingerprint256}

  alice.p12      key and certificate for browsers, Windows, macOS and Java, with a password
  alice.crt      the certificate
  alice.key      the private key, not encrypted
  alice.pem      certificate and key, for programs that take one file
  server-ca.crt  the authority that verifies the server

Whoever has alice.key or alice.pem can act as alice: keep them secret, and delete what you do
not use. You get the password of alice.p12 separately.

Run the commands below in this folder.

`,
    );
  });

  it("has its commands call a door that asks for the certificate", () => {
    const two = (kms: string, backend: string) =>
      text(
        bundleOf({
          doors: [
            { title: "KMS    ", url: "https://localhost:5002", access: kms },
            { title: "Backend", url: "https://localhost:5001", access: backend },
          ],
        }).files,
        "README.txt",
      );
    assert.match(commands(two("password", "either"), "curl"), / https:\/\/localhost:5001\/\n/);
    assert.match(commands(two("either", "certificate"), "curl"), / https:\/\/localhost:5002\/\n/);
    const unused = two("password", "password");
    assert.match(commands(unused, "curl"), / https:\/\/localhost:5002\/\n/);
    assert.match(
      unused,
      /takes user name and password only; it does not ask for the certificate\n/,
    );
  });

  it("tells the owner of the key how to make a PKCS#12 file, which can be read", async (t) => {
    const folder = scratch(t);
    const { files } = bundleOf({ privateKey: undefined });
    const [command = ""] = /openssl pkcs12 [^\n]+\\\n[^\n]+/.exec(text(files, "README.txt")) ?? [];
    assert.match(
      command,
      /^openssl pkcs12 -export -inkey alice\.key -in alice\.crt -out alice\.p12 /,
    );
    if (has("openssl", "version")) {
      writeFileSync(join(folder, "alice.crt"), alice.certificate);
      writeFileSync(join(folder, "alice.key"), alice.privateKey);
      writeFileSync(join(folder, "password"), "of-the-owner");
      await execa("sh", ["-c", `${command} -passout file:password`], {
        cwd: folder,
        stdin: "ignore",
      });
      const pfx = readFileSync(join(folder, "alice.p12"));
      createSecureContext({ pfx, passphrase: "of-the-owner" });
    }
  });
});

/** The commands of a README's part, as they stand there. */
function commands(readme: string, title: string): string {
  const [, part = ""] = new RegExp(`^${title}.*:\\n\\n((?:  .*\\n)+)`, "m").exec(readme) ?? [];
  assert.notEqual(part, "", title);
  return part.replace(/^ {2}/gm, "");
}

const has = (command: string, ...args: string[]) =>
  execaSync(command, args, { reject: false, stdin: "ignore" }).exitCode === 0;

/** A program without a dependency that speaks to the server by the system properties of the README. */
const JAVA = `
import java.net.URI;
class Get {
  public static void main(String[] args) throws Exception {
    System.out.print(new String(URI.create(args[0]).toURL().openStream().readAllBytes()));
  }
}
`;

describe("the commands in a bundle's README", () => {
  let server: Server;
  let folder: string;
  let password: string;
  let readme: string;
  let url: string;

  before(async () => {
    const own = await issue(serverCa, "localhost", { usage: "server" });
    server = createServer(
      {
        key: own.privateKey,
        cert: own.certificate,
        ca: clientCa.certificate,
        requestCert: true,
        rejectUnauthorized: true,
      },
      (request, response) => {
        const { subject } = (request.socket as TLSSocket).getPeerCertificate();
        response.end(`hello ${String(subject.CN)} ${request.headers.authorization ?? "-"}`);
      },
    );
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    url = `https://localhost:${(server.address() as AddressInfo).port}`;
    folder = realpathSync(mkdtempSync(join(tmpdir(), "cybexp-readme-")));
    const made = bundleOf({ doors: [{ title: "KMS    ", url, access: "certificate" }] });
    password = made.password ?? "";
    readme = text(made.files, "README.txt");
    writeFolder(join(folder, "alice"), made.files);
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  const at = () => ({ cwd: join(folder, "alice"), stdin: "ignore" as const });

  it("work with Node", async () => {
    const { stdout } = await execa(
      process.execPath,
      ["--input-type=module", "-e", commands(readme, "Node")],
      at(),
    );
    assert.equal(stdout, "hello alice -");
  });

  // Those that this machine has.
  if (has("curl", "--version")) {
    it("work with curl", async () => {
      const { stdout } = await execa("sh", ["-c", commands(readme, "curl")], at());
      assert.equal(stdout, "hello alice -");
    });

    it("work with curl and a password, if a door asks for both", async () => {
      const { files } = bundleOf({ doors: [{ title: "KMS    ", url, access: "both" }] });
      const command = commands(text(files, "README.txt"), "curl");
      assert.match(command, / --user alice https/);
      const { stdout } = await execa(
        "sh",
        ["-c", command.replace("--user alice", "--user a:b")],
        at(),
      );
      assert.equal(stdout, "hello alice Basic YTpi");
    });
  }

  if (has("python3", "-c", "import requests")) {
    it("work with Python's requests", async () => {
      const { stdout } = await execa("python3", ["-c", commands(readme, "Python")], at());
      assert.equal(stdout, "hello alice -");
    });
  }

  if (has("java", "-version") && has("keytool", "-help")) {
    it("work with Java", async () => {
      const lines = commands(readme, "Java").split("\n");
      const list = lines.filter((line) => line.startsWith("keytool -list")).join("\n");
      const listed = await execa("sh", ["-c", list], {
        ...at(),
        stdin: "pipe",
        input: `${password}\n`,
      });
      assert.match(listed.stdout, /cybexp-dev-alice, .*PrivateKeyEntry/);
      const start = lines.findIndex((line) => line.startsWith("keytool -importcert"));
      await execa("sh", ["-c", lines.slice(start, start + 2).join("\n")], at());

      const [, options = ""] = /java @java\.args \.\.\.\n\n((?: {2}-D.*\n)+)/.exec(readme) ?? [];
      writeFileSync(
        join(folder, "alice", "java.args"),
        options.replace("THE-PASSWORD-OF-alice.p12", password),
      );
      writeFileSync(join(folder, "alice", "Get.java"), JAVA);
      const { stdout } = await execa("java", ["@java.args", "Get.java", `${url}/`], at());
      assert.equal(stdout, "hello alice -");
    });
  }

  it("need the certificate", async () => {
    const script = commands(readme, "Node").replace(/^ +(cert|key):.*\n/gm, "");
    const { stderr, exitCode } = await execa(
      process.execPath,
      ["--input-type=module", "-e", script],
      { ...at(), reject: false },
    );
    assert.equal(exitCode, 1);
    assert.match(stderr, /certificate required|ECONNRESET/i);
  });
});

describe("a client's folder", () => {
  const files = new Map<string, string>([
    ["a.crt", "certificate"],
    ["README.txt", "text"],
  ]);
  const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

  it("is for its owner alone, and so are the files in it", (t) => {
    const root = scratch(t);
    const umask = process.umask(0);
    t.after(() => process.umask(umask));
    writeFolder(join(root, "clients", "dev", "a"), files);
    assert.deepEqual(readdirSync(join(root, "clients", "dev")), ["a"]);
    assert.deepEqual(readdirSync(join(root, "clients", "dev", "a")).sort(), [
      "README.txt",
      "a.crt",
    ]);
    for (const path of ["clients", "clients/dev", "clients/dev/a"]) {
      assert.equal(mode(join(root, path)), "700", path);
    }
    for (const name of files.keys()) {
      assert.equal(mode(join(root, "clients/dev/a", name)), "600", name);
    }
    assert.equal(readFileSync(join(root, "clients/dev/a/a.crt"), "utf8"), "certificate");
  });

  it("is replaced as a whole", (t) => {
    const root = scratch(t);
    writeFolder(join(root, "a"), new Map([["a.crt", "old"]]));
    chmodSync(join(root, "a"), 0o755);
    writeFolder(join(root, "a"), files);
    assert.deepEqual(readdirSync(root), ["a"]);
    assert.equal(mode(join(root, "a")), "700");
    assert.equal(readFileSync(join(root, "a", "a.crt"), "utf8"), "certificate");
    writeFolder(join(root, "a"), files);
    assert.deepEqual(readdirSync(join(root, "a")).sort(), ["README.txt", "a.crt"]);
  });

  it("is cleared of what a killed run left, and no other folder is", (t) => {
    const root = scratch(t);
    for (const name of [".a#next", ".a#old", "ab", ".ab#next", ".a"]) {
      mkdirSync(join(root, name));
      writeFileSync(join(root, name, "a.key"), "key");
    }
    writeFolder(join(root, "a"), files);
    assert.deepEqual(readdirSync(root).sort(), [".a", ".ab#next", "a", "ab"]);
  });

  it("is left alone when anything else is in it", (t) => {
    const root = scratch(t);
    const folder = join(root, "a");
    writeFolder(folder, files);
    writeFileSync(join(folder, "notes.txt"), "mine");
    mkdirSync(join(folder, "old"));
    assert.throws(
      () =>
        writeFolder(
          folder,
          new Map([
            ["a.crt", "new"],
            ["README.txt", ""],
          ]),
        ),
      {
        name: "UserError",
        message: `${folder} has files that this command did not write and would replace (notes.txt, old): move them elsewhere`,
      },
    );
    assert.equal(readFileSync(join(folder, "a.crt"), "utf8"), "certificate");
    assert.deepEqual(readdirSync(root), ["a"]);
  });

  it("keeps a key that its owner put beside a certificate without one", (t) => {
    const folder = join(scratch(t), "alice");
    writeFolder(folder, bundleOf({ privateKey: undefined }).files);
    writeFileSync(join(folder, "alice.key"), "the owner's");
    assert.throws(() => writeFolder(folder, bundleOf({ privateKey: undefined }).files), {
      message: `${folder} has files that this command did not write and would replace (alice.key): move them elsewhere`,
    });
    assert.equal(readFileSync(join(folder, "alice.key"), "utf8"), "the owner's");
  });

  it("must not be a link or a file", (t) => {
    const root = scratch(t);
    mkdirSync(join(root, "elsewhere"));
    symlinkSync("elsewhere", join(root, "link"));
    writeFileSync(join(root, "file"), "");
    for (const name of ["link", "file"]) {
      assert.throws(() => writeFolder(join(root, name), files), {
        name: "UserError",
        message: `${join(root, name)} is in the way, because it is not a folder: move it elsewhere`,
      });
    }
    assert.deepEqual(readdirSync(join(root, "elsewhere")), []);
  });
});

describe("what the stack says about a client", () => {
  const outputs = (): Outputs => ({
    kmsUrl: "https://localhost:5002",
    backendUrl: "https://localhost:5001",
    serverCa: serverCa.certificate,
    clients: { alice, collector: { certificate: alice.certificate, privateKey: undefined } },
  });
  const state = (certPem = alice.certificate) => ({
    resources: [
      { urn: "a", type: "cybexp:tls:X" },
      { urn: "b", type: "tls:index/locallySignedCert:LocallySignedCert", outputs: { certPem } },
    ],
  });
  const pick = (name: string, more: Partial<Parameters<typeof pickClient>[1]> = {}) =>
    pickClient(name, { stack: "dev", outputs: outputs(), state: state(), config: {}, ...more });
  const refused = (message: string, ...args: Parameters<typeof pick>) =>
    assert.throws(() => pick(...args), { name: "UserError", message });

  it("is its certificate and key", () => {
    assert.deepEqual(pick("alice"), alice);
  });

  it("is found however its lines end, and with a chain after it", () => {
    const certPem = alice.certificate.replaceAll("\n", "\r\n");
    assert.deepEqual(pick("alice", { state: state(certPem) }), alice);
    const chained = { ...alice, certificate: alice.certificate + clientCa.certificate };
    assert.deepEqual(
      pick("alice", { outputs: { ...outputs(), clients: { alice: chained } } }),
      chained,
    );
  });

  it("is nothing for an unknown name, and lists the known ones", () => {
    refused('dev has no client "alcie" (did you mean alice?): it has alice, collector', "alcie");
    refused('dev has no client "zzz": it has alice, collector', "zzz");
    refused('dev has no client "toString": it has alice, collector', "toString");
  });

  it("is nothing if there are no clients", () => {
    for (const clients of [undefined, {}]) {
      refused(
        'prod has no client "alice": it has none; list them under cybexp:clients in Pulumi.prod.yaml',
        "alice",
        { stack: "prod", outputs: { ...outputs(), clients } },
      );
    }
  });

  it("is nothing yet for one that was listed after the last `up`", () => {
    const config = { "cybexp:clients": [{ name: "dave" }, null, "text"] };
    refused("dave is new in Pulumi.dev.yaml: run `npm run up` first", "dave", { config });
    refused("dave is new in Pulumi.prod.yaml: run `STACK=prod npm run up` first", "dave", {
      config,
      stack: "prod",
    });
  });

  it("is nothing for a revoked one", () => {
    for (const revoked of [true, "true"]) {
      refused("alice is revoked (cybexp:clients in Pulumi.dev.yaml): it gets no bundle", "alice", {
        config: { "cybexp:clients": [{ name: "alice", revoked }] },
      });
    }
    assert.ok(pick("alice", { config: { "cybexp:clients": [{ name: "alice", revoked: false }] } }));
  });

  it("is known by its subject if it was made from a request", async () => {
    const name = "2.5.4.5=2-0123, CN=carol, O=CYBEX-P";
    const { certificate } = await issue(clientCa, name, { usage: "client" });
    const carol = { certificate, privateKey: undefined };
    const signedBy = (SUBJECT: string) => ({
      outputs: { ...outputs(), clients: { carol } },
      state: { resources: [{ urn: "a", type: "command", outputs: { environment: { SUBJECT } } }] },
    });
    assert.deepEqual(pick("carol", signedBy("serialNumber=2-0123,CN=carol,O=CYBEX-P")), carol);
    assert.throws(() => pick("carol", signedBy("serialNumber=3-0123,CN=carol,O=CYBEX-P")), {
      message: /^the last `up` of dev did not finish, so the certificate of carol /,
    });
  });

  it("is not taken from outputs that an `up` has left behind", () => {
    refused(
      "the last `up` of dev did not finish, so the certificate of alice may be an old one: run `npm run up` first",
      "alice",
      { state: state(clientCa.certificate) },
    );
  });

  /** A session with a stack that has these outputs. */
  const session = (values: Record<string, unknown>, stacks = ["dev", "other"]) => ({
    stack: "dev",
    ask: (args: readonly string[]) => {
      const answers: Record<string, unknown> = {
        "stack ls --json": stacks.map((name) => ({ name })),
        "stack export --stack dev": {
          deployment: {
            resources: [{ urn: "b", type: "tls", outputs: { certPem: alice.certificate } }],
          },
        },
        "stack output --json --show-secrets --stack dev": values,
      };
      return Promise.resolve(JSON.stringify(answers[args.join(" ")]));
    },
  });

  it("is read from a deployed stack", async () => {
    const message =
      "dev is not deployed, or its first deployment did not finish: run `npm run up` first";
    await assert.rejects(readOutputs(session({ ...outputs() }, [])), {
      name: "UserError",
      message,
    });
    await assert.rejects(readOutputs(session({})), { name: "UserError", message });
    const clients = { alice, collector: { certificate: "x", privateKey: "" } };
    const found = await readOutputs(session({ ...outputs(), clients, users: {} }));
    assert.deepEqual(found.outputs, {
      ...outputs(),
      clients: { alice, collector: { certificate: "x", privateKey: undefined } },
    });
    assert.equal(found.state.resources.length, 1);
  });

  it("becomes a folder, and its password is printed once", async (t) => {
    const root = scratch(t);
    let printed = "";
    t.mock.method(process.stdout, "write", (chunk: string) => {
      printed += chunk;
      return true;
    });
    await writeBundle("alice", session({ ...outputs() }), root);
    t.mock.restoreAll();
    const folder = join(root, "clients", "dev", "alice");
    const [password, ...more] = printed.match(/[a-z0-9]{7}(-[a-z0-9]{7}){3}/g) ?? [];
    assert.deepEqual(more, []);
    createSecureContext({ pfx: readFileSync(join(folder, "alice.p12")), passphrase: password });
    assert.match(
      readFileSync(join(folder, "README.txt"), "utf8"),
      /^Client certificate of alice\n/,
    );
  });

  it("tells the doors of the outputs, each with what the config asks for", async (t) => {
    const root = scratch(t);
    t.mock.method(process.stdout, "write", () => true);
    const kapowUrl = "https://localhost:5003";
    await writeBundle("alice", session({ ...outputs(), kapowUrl }), root);
    t.mock.restoreAll();
    const readme = readFileSync(join(root, "clients", "dev", "alice", "README.txt"), "utf8");
    const password = "takes user name and password only; it does not ask for the certificate";
    assert.deepEqual(readme.match(/^ +\S+ +https:.*$/gm), [
      `  KMS      https://localhost:5002  ${password}`,
      `  Backend  https://localhost:5001  ${password}`,
      // Not in the dev stack's config: its own port.
      "  Kapow!   https://localhost:5003  takes the certificate",
    ]);
  });
});

describe("what is printed about a bundle", () => {
  const place = { stack: "prod", name: "alice", folder: "/p/clients/prod/alice", doors };
  const validTo = new Date("2027-11-22T10:00:00Z");

  it("is its place, and the password with what to do with it", () => {
    assert.equal(
      summary(
        { ...place, folder: join(process.cwd(), "clients/prod/alice") },
        { password: "abc", validTo },
      ),
      `clients/prod/alice has the files of alice, valid until 2027-11-22.

  Password of alice.p12    abc

The password is shown only once and stored nowhere: hand it over separately from the files.
If it gets lost, \`STACK=prod npm run client -- alice\` makes the files again, with another password.
`,
    );
  });

  it("is why there is no PKCS#12 file, if there is none, and that no door asks for it yet", () => {
    const unused = doors.map((door) => ({ ...door, access: "password" }));
    const said = summary({ ...place, doors: unused }, { password: undefined, validTo });
    assert.match(
      said,
      /\nIt has no alice\.p12: the private key was created elsewhere, and only its owner has it\.\n\nnote: no service asks for a certificate yet: set `access` of cybexp:kms or cybexp:backend in Pulumi\.prod\.yaml\n$/,
    );
  });
});

describe("a request's entry in the stack's file", () => {
  const pem = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n";
  const file = "Pulumi.dev.yaml";
  const entry = `    - name: carol
      csr: |
        -----BEGIN CERTIFICATE REQUEST-----
        MIIB
        -----END CERTIFICATE REQUEST-----
`;
  it("goes into a file whose long texts are folded", () => {
    const folded = stringify({
      config: { "cybexp:note": "word ".repeat(30).trim(), "cybexp:clients": [{ name: "ann" }] },
    });
    assert.match(folded, /word\n/);
    const written = put(folded);
    assert.ok(written.startsWith(folded));
    assert.match(written.slice(folded.length), /^ {4}- name: carol\n {6}csr: \|\n/);
  });

  const put = (text: string, name = "carol") => withEntry(text, { name, pem, file });

  it("is printed as written there", () => {
    assert.equal(renderEntry("carol", pem), `  cybexp:clients:\n${entry}`);
  });

  for (const name of ["Pulumi.dev.yaml", "Pulumi.prod.example.yaml"]) {
    it(`goes into ${name} without another change`, () => {
      const before = readFileSync(join(projectRoot, name), "utf8");
      const { config } = parse(before) as { config: Record<string, unknown> };
      assert.ok(!("cybexp:clients" in config), "the test is about a file without clients");
      const once = put(before);
      assert.equal(once.replace(`  cybexp:clients:\n${entry}`, ""), before);
      const twice = put(once, "dave");
      assert.equal(twice.replace(entry.replace("carol", "dave"), ""), once);
    });
  }

  it("is added to those that are there, however they are indented", () => {
    assert.equal(
      put("config:\n  cybexp:clients:\n    # browsers\n    - name: bob # head office\n"),
      `config:\n  cybexp:clients:\n    # browsers\n    - name: bob # head office\n${entry}`,
    );
    assert.equal(
      put("config:\n  cybexp:clients:\n  - name: bob\n"),
      `config:\n  cybexp:clients:\n  - name: bob\n${entry.replace(/^ {2}/gm, "")}`,
    );
    assert.equal(put("config:\n  cybexp:clients: []\n"), `config:\n  cybexp:clients:\n${entry}`);
    for (const list of ["[a, b]", "[ a, b ]"]) {
      const text = `config:\n  cybexp:users:\n    - name: bob\n      attributes: ${list}\n`;
      assert.equal(put(text), `${text}  cybexp:clients:\n${entry}`);
    }
  });

  it("replaces an earlier request as the client's next generation, and changes nothing else", () => {
    const list = (client: string) => `config:\n  cybexp:clients:\n    - name: carol\n${client}`;
    const clientsOf = (text: string) =>
      (parse(text) as { config: Record<string, unknown> }).config["cybexp:clients"];
    assert.deepEqual(
      clientsOf(put(list("      csr: old\n      generation: 2\n      retired: 1\n"))),
      [{ name: "carol", csr: pem, generation: 3, retired: 1 }],
    );
    assert.deepEqual(clientsOf(put(list("      csr: old\n"))), [
      { name: "carol", csr: pem, generation: 2 },
    ]);
  });

  it("changes nothing if the request is already there", () => {
    const there = put("config:\n  a: 1\n");
    assert.equal(put(there), there);
  });

  it("does not take the place of a key that the stack makes", () => {
    assert.throws(() => put("config:\n  cybexp:clients:\n    - name: carol\n"), {
      name: "UserError",
      message:
        "carol is already in Pulumi.dev.yaml, with a key that the stack creates: choose another name, or remove that entry first",
    });
  });

  it("is not put into a file that would also change elsewhere", () => {
    for (const odd of [
      "",
      "config:\n",
      "config: text\n",
      "config:\n    four: spaces\n",
      "config: {a: 1}\n",
      "config:\n  cybexp:clients: text\n",
      "config:\n  a: [1\n",
      "config:\n  a: 1\n  a: 2\n",
    ]) {
      assert.throws(
        () => put(odd),
        {
          name: "UserError",
          message:
            "Pulumi.dev.yaml has a format that this command can't edit: add the entry by hand, under cybexp:clients",
        },
        JSON.stringify(odd),
      );
    }
  });
});

describe("`npm run client -- NAME --csr FILE`", () => {
  /** A copy of the project, and the command in it. */
  async function project(t: TestContext) {
    const root = scratch(t);
    for (const path of [
      "package.json",
      "Pulumi.yaml",
      "Pulumi.dev.yaml",
      "images",
      ...["names", "settings"],
      ...["programs", "machine", "stack", "cli"],
    ]) {
      cpSync(join(projectRoot, path), join(root, path), { recursive: true });
    }
    symlinkSync(join(projectRoot, "node_modules"), join(root, "node_modules"));
    const request = await makeRequest("whoever", "P-256");
    mkdirSync(join(root, "inbox"));
    writeFileSync(join(root, "inbox", "carol.csr"), request.pem);
    writeFileSync(join(root, "inbox", "both"), `${request.pem}\n${request.privateKey}`);
    return {
      file: join(root, "Pulumi.dev.yaml"),
      run: (...args: string[]) =>
        execa(process.execPath, [join(root, "cli/main.ts"), "client", ...args], {
          cwd: root,
          // As npm tells where it was called.
          env: { INIT_CWD: join(root, "inbox"), STACK: "dev" },
          reject: false,
          stdin: "ignore",
        }),
    };
  }

  it("prints the entry, or writes it", async (t) => {
    const { file, run } = await project(t);
    const before = readFileSync(file, "utf8");
    const shown = await run("carol", "--csr", "carol.csr");
    assert.equal(shown.exitCode, 0, shown.stderr);
    assert.match(
      shown.stdout,
      /^ {2}cybexp:clients:\n {4}- name: carol\n {6}csr: \|\n {8}-----BEGIN/,
    );
    assert.equal(
      shown.stderr,
      "carol.csr is a valid request (ECDSA P-256). Put the lines above into Pulumi.dev.yaml, or run this again with --write.",
    );
    assert.equal(readFileSync(file, "utf8"), before);

    chmodSync(file, 0o640);
    const written = await run("carol", "--csr", "carol.csr", "--write");
    assert.equal(
      written.stdout,
      "carol is in Pulumi.dev.yaml with its request (ECDSA P-256). `npm run up` signs it; then `npm run client -- carol` writes the files to hand over.",
    );
    const text = readFileSync(file, "utf8");
    assert.equal(text, `${before}${shown.stdout}\n`);
    assert.equal(statSync(file).mode & 0o777, 0o640);
  });

  it("says what is wrong in one sentence", async (t) => {
    const { file, run } = await project(t);
    const before = readFileSync(file, "utf8");
    for (const [args, message] of [
      [["carol", "--csr", "none.csr"], "there is no file none.csr"],
      [["carol", "--csr", "."], ". is not a certificate request: it is not a file"],
      [
        ["carol", "--csr", "both", "--write"],
        "both contains a private key, which must stay with its owner: use a file with only the request",
      ],
      [
        ["carol", "--write"],
        "--write needs --csr FILE: it puts that certificate request into the stack's file",
      ],
      [
        ["a/b", "--csr", "carol.csr"],
        `"a/b" can't be a client's name. Allowed: 1 to 64 letters, digits and . _ @ -, starting with a letter or digit.`,
      ],
    ] as const) {
      const { stderr, exitCode } = await run(...args);
      assert.equal(stderr, `error: ${message}`);
      assert.equal(exitCode, 1);
    }
    assert.equal(readFileSync(file, "utf8"), before);
    assert.ok(!existsSync(join(file, "..", "clients")));
  });
});
