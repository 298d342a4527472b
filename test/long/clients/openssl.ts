/** OpenSSL as a client that keeps its TLS sessions, and comes back with them. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ClientKey, Credential } from "../../integration/client.ts";

export interface OpensslReply {
  /** "New" or "Reused": whether the proxy took the session that it was offered. */
  readonly handshake: string | undefined;
  readonly status: string | undefined;
  /** The answer's body, and all that OpenSSL says beside it. */
  readonly text: string;
}

export const VERSIONS = ["tls1_2", "tls1_3"] as const;
export type Version = (typeof VERSIONS)[number];

export class OpensslClient {
  readonly #folder = mkdtempSync(join(tmpdir(), "cybexp-test-openssl-"));
  readonly #credential: Credential;

  constructor(ca: string, client: ClientKey, credential: Credential) {
    this.#credential = credential;
    for (const [name, content] of Object.entries({
      "ca.crt": ca,
      "client.crt": client.certificate,
      "client.key": client.privateKey,
    })) {
      writeFileSync(join(this.#folder, name), content, { mode: 0o600 });
    }
  }

  /** A request on a new connection; its session is kept for `replay`. */
  save(port: number, version: Version): Promise<OpensslReply> {
    return this.#ask(port, version, ["-sess_out", this.#session(port, version)]);
  }

  /** A request with the session that was kept. With TLS 1.3 there is none where there are no tickets. */
  replay(port: number, version: Version): Promise<OpensslReply> {
    const file = this.#session(port, version);
    return this.#ask(port, version, existsSync(file) ? ["-sess_in", file] : []);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #session(port: number, version: Version): string {
    return join(this.#folder, `session-${port}-${version}`);
  }

  async #ask(port: number, version: Version, session: readonly string[]): Promise<OpensslReply> {
    const file = (name: string) => join(this.#folder, name);
    const running = promisify(execFile)(
      "openssl",
      [
        ...["s_client", "-connect", `127.0.0.1:${port}`, "-servername", "localhost"],
        ...[`-${version}`, "-CAfile", file("ca.crt"), "-verify_return_error", "-ign_eof"],
        ...["-cert", file("client.crt"), "-key", file("client.key"), ...session],
      ],
      { timeout: 30_000 },
    );
    const { user, password } = this.#credential;
    const basic = Buffer.from(`${user}:${password}`).toString("base64");
    running.child.stdin?.end(
      `GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic ${basic}\r\nConnection: close\r\n\r\n`,
    );
    const { stdout } = await running;
    return {
      handshake: /^(New|Reused), /m.exec(stdout)?.[1],
      status: /HTTP\/1\.1 (\d+)/.exec(stdout)?.[1],
      text: stdout,
    };
  }
}
