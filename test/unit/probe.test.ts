import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { lookup } from "node:dns/promises";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer as createPlainServer, type RequestListener } from "node:http";
import { createServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import { ask } from "../../programs/smoke/probe.ts";

interface Identity {
  readonly key: string;
  readonly cert: string;
}

const folder = mkdtempSync(join(tmpdir(), "cybexp-probe-"));
after(() => rmSync(folder, { recursive: true }));

/** A certificate that is its own authority. */
function identity(name: string): Identity {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
  execFileSync(
    "openssl",
    [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
      ...["-keyout", key, "-out", cert, "-days", "2", "-subj", `/CN=${name}`],
      ...["-addext", `subjectAltName=DNS:${name}`],
    ],
    { stdio: "ignore" },
  );
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}

const own = identity("localhost");
const foreign = identity("other.example.edu");

/** Its port, once it listens on loopback. */
async function listen(t: TestContext, server: Server): Promise<number> {
  t.after(() => server.close());
  server.listen(0, "localhost");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const serve = (t: TestContext, handler: RequestListener, { key, cert } = own) =>
  listen(t, createServer({ key, cert }, handler));

const refusal = (port: number, ca = own.cert) => ask({ url: `https://localhost:${port}/`, ca });

describe("asking a door", () => {
  it("gives the status and the body, and sends the credential", async (t) => {
    const port = await serve(t, (request, response) => {
      const friend =
        request.headers.authorization === `Basic ${Buffer.from("a:ü b").toString("base64")}`;
      response.writeHead(friend ? 200 : 401).end(`${request.method} ${request.url} ${friend}`);
    });
    const url = `https://localhost:${port}/`;
    assert.deepEqual(await ask({ url, ca: own.cert }), { status: 401, body: "GET / false" });
    assert.deepEqual(await ask({ url, ca: own.cert, credential: { user: "a", password: "ü b" } }), {
      status: 200,
      body: "GET / true",
    });
  });

  it("calls another address than the name's own if told to, and verifies the name", async (t) => {
    const port = await serve(t, (_, response) => response.end("up"), foreign);
    const url = `https://other.example.edu:${port}/`;
    const { address } = await lookup("localhost");
    assert.deepEqual(await ask({ url, ca: foreign.cert, connectTo: address }), {
      status: 200,
      body: "up",
    });
    await assert.rejects(
      ask({ url: `https://localhost:${port}/`, ca: foreign.cert, connectTo: address }),
      { message: /^TLS: localhost:\d+ presents a certificate that serverCa does not vouch for/ },
    );
  });

  it("calls the address that a rehearsal gives the name", async (t) => {
    const port = await serve(t, (_, response) => response.end("up"), foreign);
    const { address } = await lookup("localhost");
    process.env["CYBEXP_REHEARSAL_HOSTS"] = JSON.stringify({ "other.example.edu": address });
    t.after(() => delete process.env["CYBEXP_REHEARSAL_HOSTS"]);
    const reply = await ask({ url: `https://other.example.edu:${port}/`, ca: foreign.cert });
    assert.equal(reply.body, "up");
  });

  it("names a port at which nothing listens", async (t) => {
    const server = createTcpServer();
    const port = await listen(t, server);
    server.close();
    await once(server, "close");
    await assert.rejects(refusal(port), {
      name: "UserError",
      message: `connection: nothing listens at localhost:${port}; does localhost resolve to the proxy's address?`,
    });
  });

  it("names a host name without an address", async () => {
    await assert.rejects(ask({ url: "https://nosuch.invalid:5002/", ca: own.cert }), {
      name: "UserError",
      message:
        "name resolution: nosuch.invalid has no address here; add it to the DNS or to /etc/hosts",
    });
  });

  it("names a certificate of another authority", async (t) => {
    const port = await serve(t, (_, response) => response.end());
    await assert.rejects(refusal(port, foreign.cert), {
      name: "UserError",
      message: `TLS: localhost:${port} presents a certificate that serverCa does not vouch for (DEPTH_ZERO_SELF_SIGNED_CERT)`,
    });
  });

  it("names a certificate for another host name", async (t) => {
    const port = await serve(t, (_, response) => response.end(), foreign);
    await assert.rejects(refusal(port, foreign.cert), {
      name: "UserError",
      message: `TLS: localhost:${port} presents a certificate that serverCa does not vouch for (ERR_TLS_CERT_ALTNAME_INVALID)`,
    });
  });

  it("names a port that speaks no TLS", async (t) => {
    const port = await listen(
      t,
      createPlainServer((_, response) => response.end()),
    );
    await assert.rejects(refusal(port), (error: Error) => {
      assert.equal(error.name, "UserError");
      assert.match(
        error.message,
        new RegExp(
          `^TLS: localhost:${port} presents a certificate that serverCa does not vouch for \\((EPROTO|ERR_SSL_\\w+)\\)$`,
        ),
      );
      return true;
    });
  });

  it("names a connection that is broken off, before an answer and within it", async (t) => {
    const before = await listen(
      t,
      createTcpServer((socket) => socket.destroy()),
    );
    await assert.rejects(refusal(before), {
      name: "UserError",
      message: `connection: localhost:${before} closed the connection (ECONNRESET)`,
    });
    const within = await serve(t, (_, response) => {
      response.writeHead(200, { "Content-Length": 10 });
      response.write("up", () => response.destroy());
    });
    await assert.rejects(refusal(within), {
      name: "UserError",
      message: `connection: localhost:${within} closed the connection (ECONNRESET)`,
    });
  });
});
