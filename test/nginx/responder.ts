/** A certificate authority's OCSP responder, as `openssl ocsp` is one. */
import { spawn, type ChildProcess } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
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

export class Responder {
  readonly #children: ChildProcess[] = [];
  #relay: string | undefined;

  /**
   * Answers for certificates of `make`, under a name in a container network.
   *
   * @param authority Who signed them, and signs the answers, too.
   * @param revoked Which of them it says is revoked.
   */
  async start(
    network: { name: string; gateway: string },
    host: string,
    authority: string,
    certificates: readonly string[],
    revoked?: string,
  ): Promise<void> {
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
        ...["ocsp", "-port", "0", "-index", index, "-CA", file(`${authority}.pem`)],
        ...["-rsigner", file(`${authority}.pem`), "-rkey", file(`${authority}.key`)],
        ...["-ndays", "1"],
      ],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    this.#children.push(child);
    const port = await portOf(child);
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
