/** Chromium with a profile and a certificate store of its own. */
import { execFile, execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** Where Debian's Chromium looks for what its administrator has decided, in a folder that may be missing. */
const CONFIG = "/etc/chromium";
const POLICIES = "policies/managed";

const FLAGS = [
  ...["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
  // Of a container it may have 64 MiB only.
  "--disable-dev-shm-usage",
  "--enable-logging=stderr",
];

export class Browser {
  readonly #home = mkdtempSync(join(tmpdir(), "cybexp-test-browser-"));

  readonly #flags: readonly string[];
  #log = "";

  /** @param flags Beside the usual ones. */
  constructor(flags: readonly string[] = []) {
    this.#flags = flags;
    mkdirSync(join(this.#home, ".pki", "nssdb"), { recursive: true, mode: 0o700 });
    this.#run("certutil", "-d", this.#store, "-N", "--empty-password");
  }

  /** Trusts an authority for web sites. */
  trust(file: string, name = "cybexp-server-ca"): void {
    this.#run("certutil", "-d", this.#store, "-A", "-n", name, "-t", "C,,", "-i", file);
  }

  /** Takes the key and certificate of a PKCS#12 file. */
  import(file: string, password: string): void {
    const secret = join(this.#home, "password");
    writeFileSync(secret, `${password}\n`, { mode: 0o600 });
    this.#run("pk12util", "-d", this.#store, "-i", file, "-w", secret);
    rmSync(secret);
  }

  /** The certificates in the store with their trust, as in "u,u,u": "u" is for one whose key is there. */
  certificates(): Record<string, string> {
    const rows = this.#run("certutil", "-d", this.#store, "-L").matchAll(
      /^(\S+) +(\S*,\S*,\S*) *$/gm,
    );
    return Object.fromEntries([...rows].map(([, name = "", trust = ""]) => [name, trust]));
  }

  /** The text that a page shows. Of certificates that fit, the browser takes one without asking. */
  async open(url: string): Promise<string> {
    const config = join(this.#home, "config");
    mkdirSync(join(config, POLICIES), { recursive: true });
    const select = JSON.stringify({ pattern: new URL(url).origin, filter: {} });
    writeFileSync(
      join(config, POLICIES, "select.json"),
      JSON.stringify({ AutoSelectCertificateForUrls: [select] }),
    );
    // In a mount namespace of its own, so that no other browser of this machine is told.
    const root = process.getuid?.() === 0;
    const { stdout, stderr } = await promisify(execFile)(
      "unshare",
      [
        ...(root ? ["--mount"] : ["--mount", "--map-root-user"]),
        ...["sh", "-ec", 'mount --bind "$1" "$2"; shift 2; exec "$@"', "sh", config, CONFIG],
        ...["chromium", ...FLAGS, ...this.#flags, `--user-data-dir=${join(this.#home, "profile")}`],
        ...["--dump-dom", url],
      ],
      { timeout: 120_000, env: { PATH: process.env["PATH"], HOME: this.#home } },
    );
    this.#log = stderr;
    return (
      /<body>(?:<pre[^>]*>)?([^]*?)(?:<\/pre>[^]*)?<\/body>/.exec(stdout)?.[1]?.trim() ?? stdout
    );
  }

  /** Why there was no TLS for the page before, by Chromium's numbers: -200 is another name, -202 no trust. */
  tlsErrors(): string[] {
    return [...new Set(this.#log.match(/handshake failed;.* net_error (-\d+)/g))].map(
      (line) => line.split(" ").at(-1) ?? "",
    );
  }

  remove(): void {
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }

  get #store(): string {
    return `sql:${join(this.#home, ".pki", "nssdb")}`;
  }

  #run(program: string, ...args: string[]): string {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }
}
