import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { request, type RequestOptions } from "node:https";
import { after, before, describe, it } from "node:test";
import { connect } from "node:tls";
import { SERVED } from "../../render/acmePaths.ts";
import { kapowArguments, kapowHealthCheck, kapowShows, restartedWith } from "../../render/kapow.ts";
import {
  type Authority,
  issue,
  makeAuthority,
  makeSelfSignedClient,
  type Pair,
} from "../unit/pki.ts";
import { type Box, type RunOptions, Sandbox } from "./sandbox.ts";

const IMAGE = "cybexp-demo/kapow:1";
const GODEBUG = "tls10server=0,tls3des=0,tlsrsakex=0";

const INIT = `#!/bin/sh -e
kapow route add /health -c 'kapow set /response/body well'
kapow route add /who -c 'kapow get /ssl/client/i/dn | kapow set /response/body'
kapow route add /env -c 'env | kapow set /response/body'
kapow route add -X POST /echo/{word} -e '/bin/bash -c' - <<'EOF'
  { kapow get /request/matches/word; kapow get /request/params/q; kapow get /request/body; } |
    kapow set /response/body
  kapow set /response/status 201
  kapow set /response/headers/X-Method "$(kapow get /request/method)"
EOF
`;

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

let sandbox: Sandbox;
let clients: Authority;
let servers: Authority;
let alice: Pair;
let health: Pair;
let files: Record<string, string>;

before(async () => {
  sandbox = await Sandbox.open();
  clients = await makeAuthority("clients");
  servers = await makeAuthority("servers");
  const server = await issue(servers, "localhost", { usage: "server" });
  alice = await issue(clients, "alice", { usage: "client" });
  health = await makeSelfSignedClient("health");
  files = {
    "/kapow/current/server.crt": server.certificate,
    "/kapow/current/server.key": server.privateKey,
    "/kapow/current/client-ca.crt": clients.certificate + health.certificate,
    "/kapow/current/health.crt": health.certificate,
    "/kapow/current/health.key": health.privateKey,
    "/kapow/current/init": INIT,
  };
});
after(() => sandbox.close());

const ARGUMENTS = kapowArguments("/kapow/current", "/kapow/current/init");
const without = (flag: string) => ARGUMENTS.filter((argument) => !argument.startsWith(flag));
const healthCheck = (box: Box) => box.exec(...kapowHealthCheck("/kapow/current", "/health"));

/** What it says of its certificate. */
const says = async (box: Box) =>
  (await box.exec(...kapowShows(kapowHealthCheck("/kapow/current", "/health")))).output.trim();

const start = (options: RunOptions = {}) =>
  sandbox.run(IMAGE, {
    user: "65532:65532",
    port: 8080,
    files,
    environment: { GODEBUG },
    command: ARGUMENTS,
    ...options,
  });

/** One that has its routes. */
async function ready(options: RunOptions = {}): Promise<Box> {
  const box = await start(options);
  await box.until(async () => (await box.logs()).includes('init" finished OK'));
  return box;
}

async function call(box: Box, path: string, options: RequestOptions & { body?: string } = {}) {
  const port = Number((await box.address()).split(":")[1]);
  return new Promise<Answer>((resolve, reject) => {
    const outgoing = request(
      { host: "localhost", port, path, ca: servers.certificate, agent: false, ...options },
      (response) => {
        let body = "";
        response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
        response.on("error", reject).on("end", () => {
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers });
        });
      },
    );
    outgoing.on("error", reject).end(options.body);
  });
}

const as = ({ certificate, privateKey }: Pair): RequestOptions => ({
  cert: certificate,
  key: privateKey,
});

/** How a server that can't start ends: the last lines of its log, and the exit code. */
async function end(options: RunOptions): Promise<{ code: number; log: string }> {
  const box = await start(options);
  return { code: await box.exit(), log: await box.logs() };
}

describe("the demo Kapow!", () => {
  let box: Box;
  before(async () => void (box = await ready()));

  it("lets a client of the authority in, and knows it by name", async () => {
    const { status, body } = await call(box, "/who", as(alice));
    assert.deepEqual({ status, body }, { status: 200, body: "CN=alice" });
    // The name that the stack gives its clients, as Go writes it.
    const name = "O=CYBEX-P, CN=ann, 2.5.4.5=1-0123";
    const ann = await issue(clients, name, { usage: "client" });
    assert.equal((await call(box, "/who", as(ann))).body, "SERIALNUMBER=1-0123,CN=ann,O=CYBEX-P");
  });

  it("lets nobody in without a certificate, or with a foreign one", async () => {
    const foreign = await issue(await makeAuthority("clients"), "alice", { usage: "client" });
    const server = await issue(clients, "alice", { usage: "server" });
    const past = await issue(clients, "alice", {
      usage: "client",
      notAfter: new Date(Date.now() - 1000),
    });
    for (const options of [{}, as(foreign), as(server), as(past)]) {
      await assert.rejects(call(box, "/who", options), /alert|ECONNRESET|EPIPE/i);
    }
  });

  it("runs the route's command with the request, and answers with its output", async () => {
    const { status, body, headers } = await call(box, "/echo/one?q=two", {
      ...as(alice),
      method: "POST",
      body: "three",
    });
    assert.deepEqual({ status, body }, { status: 201, body: "onetwothree" });
    assert.equal(headers["x-method"], "POST");
    assert.equal((await call(box, "/echo/one", as(alice))).status, 404);
    assert.equal((await call(box, "/none", as(alice))).status, 404);
  });

  it("gives its commands its whole environment, but not the way to its routes", async () => {
    const { body } = await call(box, "/env", as(alice));
    assert.match(body, new RegExp(`^GODEBUG=${GODEBUG}$`, "m"));
    assert.match(body, /^KAPOW_HANDLER_ID=./m);
    assert.ok(!body.includes("KAPOW_CONTROL_CLIENT_KEY"));
    assert.equal((await box.exec("kapow", "route", "list")).code, 1);
  });

  it("is healthy according to the deployment's health check", async () => {
    assert.deepEqual(await healthCheck(box), { code: 0, output: "" });
  });

  it("has its control and data interfaces on its own loopback alone", async () => {
    const script = `
import socket, sys
for port in (8080, 8081, 8082):
    try:
        socket.create_connection((sys.argv[1], port), 3).close()
        print(port, "open")
    except ConnectionRefusedError:
        print(port, "refused")
`;
    const other = await sandbox.run(IMAGE, { entrypoint: "sleep", command: ["60"] });
    const found = await other.exec("python3", "-c", script, box.name);
    assert.equal(found.output, "8080 open\n8081 refused\n8082 refused");
    const own = await box.exec("python3", "-c", script, "localhost");
    assert.equal(own.output, "8080 open\n8081 open\n8082 open");
  });

  const old = (): RequestOptions => ({
    ...as(alice),
    minVersion: "TLSv1.1",
    maxVersion: "TLSv1.1",
    ciphers: "DEFAULT:@SECLEVEL=0",
  });

  it("takes no TLS below 1.2 with the deployment's GODEBUG", async () => {
    await assert.rejects(call(box, "/who", old()), /alert protocol version|ECONNRESET/i);
    assert.equal((await call(box, "/who", { ...as(alice), maxVersion: "TLSv1.2" })).status, 200);
  });

  it("takes old TLS without it", async () => {
    const plain = await ready({ environment: {} });
    assert.equal((await call(plain, "/who", old())).status, 200);
  });

  it("stops at once when told to, with exit code 2", async () => {
    const started = Date.now();
    await box.signal("TERM");
    assert.equal(await box.exit(), 2);
    assert.ok(Date.now() - started < 3000);
  });
});

describe("a trap of Kapow!", () => {
  it("is --clientauth without an equals sign: the word is run as an init program", async () => {
    const word = (value: string) =>
      ARGUMENTS.flatMap((argument) =>
        argument === "--clientauth=true" ? ["--clientauth", value] : [argument],
      );
    const box = await ready({ command: word("true") });
    assert.match(await box.logs(), /^Running init program "true"$/m);
    const { code, log } = await end({ command: word("yes-please") });
    assert.equal(code, 1);
    assert.match(log, /^Unable to run init program "yes-please": /m);
    // And so is the opposite: it is on, whatever the word.
    const off = await start({ command: word("false") });
    await off.until(async () => (await off.logs()).includes("Init program exited with error"));
    assert.match(await off.logs(), /^UserServer using CA certs from /m);
  });

  it("is a missing authority file: it lets in anyone with a certificate from a public authority", async () => {
    const box = await ready({ command: without("--clientcafile") });
    assert.match(await box.logs(), /^UserServer using system CA certs$/m);
    await assert.rejects(call(box, "/who", as(alice)), /alert|ECONNRESET|EPIPE/i);
  });

  it("is an init program that fails: the server keeps running without routes", async () => {
    const init = "#!/bin/sh\nexit 3\n";
    const box = await start({ files: { ...files, "/kapow/current/init": init } });
    await box.until(async () => (await box.logs()).includes("exit status 3"));
    assert.equal((await call(box, "/health", as(alice))).status, 404);
    assert.notEqual((await healthCheck(box)).code, 0);
  });

  it("is an init program that can't be executed, or is missing", async () => {
    for (const changes of [
      { files: { ...files, "/kapow/current/init": "kapow route add /health -c true\n" } },
      { command: [...ARGUMENTS.slice(0, -1), "/kapow/none"] },
      {
        files: {
          ...files,
          "/kapow/current/init": INIT.replace(" -e", "").replaceAll("\n", "\r\n"),
        },
      },
    ]) {
      const { code, log } = await end(changes);
      assert.equal(code, 1, log);
      assert.match(log, /^Unable to run init program "\/kapow\//m);
    }
  });

  it("is a broken file: it does not start", async () => {
    const encrypted = createPrivateKey(files["/kapow/current/server.key"] ?? "").export({
      format: "pem",
      type: "pkcs8",
      cipher: "aes-256-cbc",
      passphrase: "secret",
    });
    for (const [file, content] of [
      ["server.key", encrypted],
      ["server.key", "text"],
      ["server.crt", "text"],
      ["client-ca.crt", "text"],
      // Another's key.
      ["server.key", alice.privateKey],
    ] as const) {
      const { code, log } = await end({
        files: { ...files, [`/kapow/current/${file}`]: content.toString() },
      });
      assert.equal(code, 1, log);
      assert.match(log, /^UserServer failed: /m);
    }
  });

  it("is one flag of a pair, or an unknown flag", async () => {
    for (const [command, message] of [
      [without("--keyfile"), "expected both or neither (certfile and keyfile)"],
      [
        without("--certfile").filter((argument) => !argument.startsWith("--keyfile")),
        "Client authentication can't be active in a non https server",
      ],
      [[...ARGUMENTS, "--client-auth=true"], "unknown flag: --client-auth"],
    ] as const) {
      assert.deepEqual(await end({ command }), { code: 1, log: `Error: ${message}` });
    }
  });
});

describe("Kapow! with a certificate that is renewed beside it", () => {
  /** A volume, and what puts a certificate into it. */
  async function renewal() {
    const first = await issue(servers, "localhost", { usage: "server" });
    const second = await issue(servers, "localhost", { usage: "server" });
    const volume = await sandbox.ownVolume("65532:65532");
    const writer = await sandbox.run(IMAGE, {
      user: "65532:65532",
      volumes: { "/acme": volume },
      files: {
        "/new/1/fullchain.pem": first.certificate,
        "/new/1/privkey.pem": first.privateKey,
        "/new/2/fullchain.pem": second.certificate,
        "/new/2/privkey.pem": second.privateKey,
      },
      entrypoint: "sleep",
      command: ["300"],
    });
    const show = async (version: string) => {
      const script = `cp -r /new/${version} /acme/; ln -sfn ${version} /acme/next; mv -T /acme/next /acme/current`;
      const { code, output } = await writer.exec("sh", "-ec", script);
      assert.equal(code, 0, output);
    };
    return { volume, show, first, second };
  }

  const serial = ({ certificate }: Pair) => new X509Certificate(certificate).serialNumber;

  const shown = async (box: Box) => {
    const port = Number((await box.address()).split(":")[1]);
    return new Promise<string>((resolve, reject) => {
      const socket = connect(
        {
          ...{ host: "127.0.0.1", port, servername: "localhost", ca: servers.certificate },
          ...{ cert: alice.certificate, key: alice.privateKey },
        },
        () => {
          resolve(socket.getPeerCertificate().serialNumber);
          socket.destroy();
        },
      );
      socket.on("error", reject);
    });
  };

  const renewed = (volume: string, [program, ...args] = ["kapow", ...ARGUMENTS_RENEWED]) => {
    const [entrypoint = "", ...command] = restartedWith(SERVED.link);
    return start({
      entrypoint,
      command: [...command, program ?? "", ...args],
      volumes: { "/acme": volume },
    });
  };
  const ARGUMENTS_RENEWED = kapowArguments("/kapow/current", "/kapow/current/init", SERVED);

  it("starts anew with the next one and has its routes again, and ends when it is told to", async () => {
    const { volume, show, first, second } = await renewal();
    await show("1");
    const box = await renewed(volume);
    await box.until(async () => (await says(box)) === "ok 1");
    assert.equal(await shown(box), serial(first));

    await show("2");
    await box.until(async () => (await says(box)) === "ok 2");
    assert.equal(await shown(box), serial(second));
    assert.equal((await healthCheck(box)).code, 0);
    assert.match(await box.logs(), /^the certificate is renewed: starting anew with 2$/m);
    assert.equal(await box.inspect(".RestartCount"), 0);

    const begin = performance.now();
    await sandbox.docker("stop", "--time=20", box.name);
    assert.ok(performance.now() - begin < 10_000);
    assert.equal(await box.inspect(".State.ExitCode"), 0);
  });

  it("ends as it would without it when it can't start", async () => {
    const { volume } = await renewal();
    const box = await renewed(volume);
    assert.equal(await box.exit(), 1);
    assert.match(await box.logs(), /^UserServer failed: /m);
  });
});
