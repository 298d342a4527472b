/** A certificate authority's OCSP responder, as `openssl ocsp` is one. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { file, read } from "../authority.ts";
import { knock } from "../integration/client.ts";
import { docker, nginxImage, startContainer } from "./docker.ts";

/** The port inside of the network. */
export const RESPONDER_PORT = 8888;

/** Passes everything on to this machine, where OpenSSL is: the network has a name for it. */
const passingOn = (to: string) => `\
daemon off;
pid /tmp/nginx.pid;
error_log stderr;
events {}
http {
    server {
        listen ${RESPONDER_PORT};
        location / {
            proxy_pass http://${to};
        }
    }
}
`;

export interface Answers {
  /** Who signed the certificates, and signs the answers, too; of `make`. */
  readonly authority: string;
  readonly certificates: readonly string[];
  /** Which of them is said to be revoked. */
  readonly revoked?: string;
  /** @default any that is free */
  readonly port?: number;
}

/** In place of an answer. */
export const NO_ANSWER = "no response sent";

/**
 * What a caller that asks for it gets beside the certificate: what the authority says of it, such as "good".
 *
 * @param ca The file of the authorities to trust.
 * @param more Arguments of `openssl s_client`.
 */
export async function stapled(
  { port, serverName }: { readonly port: number; readonly serverName: string },
  ca: string,
  ...more: readonly string[]
): Promise<string> {
  const running = promisify(execFile)(
    "openssl",
    [
      ...["s_client", "-connect", `127.0.0.1:${port}`, "-servername", serverName, "-status"],
      ...["-CAfile", ca, "-verify_return_error", ...more],
    ],
    { timeout: 20_000 },
  );
  running.child.stdin?.end();
  const { stdout } = await running;
  assert.match(stdout, /^ *Verify return code: 0 \(ok\)/m);
  return stdout.includes(`OCSP response: ${NO_ANSWER}\n`)
    ? NO_ANSWER
    : (/^ *Cert Status: (\w+)$/m.exec(stdout)?.[1] ?? `an answer without a status: ${stdout}`);
}

/** Nginx asks for an answer when a caller wants one, each worker for itself, and has it for the next. */
export async function eventually(wanted: string, ask: () => Promise<string>): Promise<void> {
  let last = "";
  for (const end = Date.now() + 15_000; last !== wanted && Date.now() < end; await sleep(100)) {
    last = await ask();
  }
  assert.equal(last, wanted);
}

export class Responder {
  readonly #children: ChildProcess[] = [];
  #relay: string | undefined;

  /** Answers at a port of this machine, under all of its addresses. @returns The port */
  async listen({ authority, certificates, revoked, port = 0 }: Answers): Promise<string> {
    const index = file(`${authority}-index.txt`);
    const lines = certificates.map((name) => {
      const { serialNumber } = new X509Certificate(read(`${name}.pem`));
      const [state, since] = name === revoked ? ["R", "260101000000Z"] : ["V", ""];
      return [state, "20991231235959Z", since, serialNumber, "unknown", `/CN=${name}`].join("\t");
    });
    writeFileSync(index, `${lines.join("\n")}\n`);
    const child = spawn(
      "openssl",
      [
        ...["ocsp", "-port", String(port), "-index", index, "-CA", file(`${authority}.pem`)],
        ...["-rsigner", file(`${authority}.pem`), "-rkey", file(`${authority}.key`)],
        ...["-ndays", "1"],
      ],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    this.#children.push(child);
    return portOf(child);
  }

  /** Answers under a name in a container network, at RESPONDER_PORT. */
  async start(
    network: { name: string; gateway: string },
    host: string,
    answers: Answers,
  ): Promise<void> {
    const port = await this.listen(answers);
    this.#relay = startContainer([
      `--network=${network.name}`,
      `--network-alias=${host}`,
      "--user=0:0",
      "--entrypoint=sh",
      nginxImage,
      "-c",
      'printf "%s" "$1" > /tmp/nginx.conf; exec nginx -e stderr -c /tmp/nginx.conf',
      "sh",
      passingOn(`${network.gateway}:${port}`),
    ]);
    const address = docker([
      ...["container", "inspect", this.#relay],
      `--format={{(index .NetworkSettings.Networks "${network.name}").IPAddress}}`,
    ]);
    for (let tries = 0; (await knock(address, RESPONDER_PORT)) !== "open"; tries++) {
      if (tries === 100) {
        throw new Error(`the way to the responder does not open: ${docker(["logs", this.#relay])}`);
      }
      await sleep(50);
    }
  }

  /** The program ends; its host is still there. */
  async die(): Promise<void> {
    for (const child of this.#children.splice(0)) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) {
        await once(child, "exit");
      }
    }
  }

  /** Nothing is left of it, not even its name. */
  async stop(): Promise<void> {
    await this.die();
    if (this.#relay !== undefined) {
      docker(["rm", "--force", this.#relay]);
      this.#relay = undefined;
    }
  }
}

/** It says so itself: a connection without a request would end it. */
async function portOf({ stdout }: { readonly stdout: Readable }): Promise<string> {
  let text = "";
  for await (const part of stdout.iterator({ destroyOnReturn: false })) {
    text += String(part);
    const port = /^ACCEPT \S*:(\d+) /m.exec(text)?.[1];
    if (port !== undefined) {
      stdout.resume();
      return port;
    }
  }
  throw new Error(`openssl ocsp does not start: ${text}`);
}
