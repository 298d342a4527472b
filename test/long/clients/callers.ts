/** Programs that call a door by any of its names: what each needs for it, and what it says. */
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { findGo } from "../../../machine/toolchain/go.ts";
import { step } from "../../../machine/progress.ts";
import type { Credential } from "../../integration/client.ts";
import { Browser } from "./browser.ts";
import { needPrograms, pythonWithRequests } from "./packages.ts";

export interface Call {
  readonly url: string;
  /** PEM: the only authorities to trust. */
  readonly ca: string;
  readonly credential: Credential;
  /** Offers TLS 1.2 and an RSA cipher, and nothing else; Chromium can't. */
  readonly rsaOnly?: boolean;
  /** Says no name in the handshake, which OpenSSL can do. */
  readonly nameless?: boolean;
}

export interface Caller {
  /** The answer's body. @throws Error with all that the program says, if there is none */
  readonly call: (call: Call) => Promise<string>;
  /** How it refuses a certificate for other names. */
  readonly otherNames: RegExp;
  /** What it says of a server that refuses the name in its handshake. */
  readonly unknownName: RegExp;
}

const RSA_CIPHER = "ECDHE-RSA-AES128-GCM-SHA256";

/** Arguments: URL, authorities, a file with what Authorization says, and perhaps a cipher. */
const PYTHON = `
import ssl, sys
import requests
from requests.adapters import HTTPAdapter

url, authorities, authorization, *cipher = sys.argv[1:]
session = requests.Session()
if cipher:
    context = ssl.create_default_context(cafile=authorities)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(cipher[0])
    class OneCipher(HTTPAdapter):
        def init_poolmanager(self, *args, **more):
            super().init_poolmanager(*args, ssl_context=context, **more)
    session.mount("https://", OneCipher())
headers = {"Authorization": open(authorization).read()}
print(session.get(url, verify=authorities, headers=headers, timeout=20).text)
`;

const GO = `
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func read(file string) string {
	content, err := os.ReadFile(file)
	check(err)
	return string(content)
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	config.RootCAs.AppendCertsFromPEM([]byte(read(os.Args[2])))
	if len(os.Args) > 4 {
		config.MaxVersion = tls.VersionTLS12
		config.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}
	client := &http.Client{
		Transport: &http.Transport{TLSClientConfig: config},
		Timeout:   20 * time.Second,
	}
	request, err := http.NewRequest("GET", os.Args[1], nil)
	check(err)
	request.Header.Set("Authorization", read(os.Args[3]))
	response, err := client.Do(request)
	check(err)
	_, err = io.Copy(os.Stdout, response.Body)
	check(err)
}
`;

const JAVA = `
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;

public class Call {
  public static void main(String[] arguments) throws Exception {
    var trusted = KeyStore.getInstance(KeyStore.getDefaultType());
    trusted.load(null);
    try (var file = new FileInputStream(arguments[1])) {
      for (var one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
        trusted.setCertificateEntry("authority-" + trusted.size(), one);
      }
    }
    var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(trusted);
    var context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    var builder = HttpClient.newBuilder().sslContext(context);
    if (arguments.length > 3) {
      builder.sslParameters(new SSLParameters(
        new String[] {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}, new String[] {"TLSv1.2"}));
    }
    var request = HttpRequest.newBuilder(URI.create(arguments[0]))
      .header("Authorization", Files.readString(Path.of(arguments[2]))).build();
    System.out.print(builder.build().send(request, HttpResponse.BodyHandlers.ofString()).body());
  }
}
`;

/** The programs, in a folder with what they need. They find hosts at loopback, as nobody else here does. */
export class Callers {
  readonly #folder: string;
  readonly #python: string;
  readonly #hosts: readonly string[];

  private constructor(folder: string, python: string, hosts: readonly string[]) {
    this.#folder = folder;
    this.#python = python;
    this.#hosts = hosts;
    const lines = ["127.0.0.1 localhost", ...hosts.map((name) => `127.0.0.1 ${name}`)];
    writeFileSync(this.#file("hosts"), `${lines.join("\n")}\n`);
  }

  /** @param hosts Names that the programs find at 127.0.0.1. */
  static async prepare(hosts: readonly string[]): Promise<Callers> {
    await needPrograms("chromium", "certutil", "openssl", "curl", "javac");
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-callers-"));
    const callers = new Callers(folder, await pythonWithRequests(), hosts);
    writeFileSync(callers.#file("call.py"), PYTHON);
    writeFileSync(callers.#file("call.go"), GO);
    writeFileSync(callers.#file("Call.java"), JAVA);
    const go = await step("Finding Go for a client in it", findGo);
    execFileSync(go.command, ["build", "-o", "call-go", "call.go"], {
      cwd: folder,
      env: { ...process.env, ...go.env, GO111MODULE: "off" },
      stdio: "pipe",
    });
    execFileSync("javac", ["Call.java"], { cwd: folder, stdio: "pipe" });
    return callers;
  }

  readonly all: Readonly<Record<string, Caller>> = {
    openssl: {
      call: (call) => this.#openssl(call),
      otherNames: /verify error:num=6[24]:(hostname|IP address) mismatch/,
      unknownName: /unrecognized name/,
    },
    curl: {
      call: async (call) => {
        const { url, ca, authorization } = this.#inputs(call);
        const only = call.rsaOnly ? ["--tls-max", "1.2", "--ciphers", RSA_CIPHER] : [];
        return this.#run("curl", "-sS", "--cacert", ca, "-H", `@${authorization}`, ...only, url);
      },
      otherNames: /no alternative certificate subject name matches/,
      unknownName: /unrecognized name/,
    },
    Java: {
      call: (call) => this.#program(call, "java", "-cp", this.#folder, "Call"),
      otherNames: /No (name|subject alternative names) matching/,
      unknownName: /unrecognized_name/,
    },
    Python: {
      call: (call) => this.#program(call, this.#python, this.#file("call.py")),
      otherNames: /doesn't match|is not valid for|IP address mismatch/,
      unknownName: /unrecognized.name/i,
    },
    Go: {
      call: (call) => this.#program(call, this.#file("call-go")),
      otherNames: /x509: certificate is valid for .*, not /,
      unknownName: /tls: unrecognized name/,
    },
    Chromium: {
      call: (call) => this.#browser(call),
      // Its page of errors has no text that is given out; its log has ERR_CERT_COMMON_NAME_INVALID, and
      // ERR_SSL_UNRECOGNIZED_NAME_ALERT.
      otherNames: /^Error: no page; net_error -200$/,
      unknownName: /^Error: no page; net_error -159$/,
    },
  };

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  /** Authorities and password as files. */
  #inputs({ url, ca, credential }: Call) {
    const { user, password } = credential;
    const basic = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    writeFileSync(this.#file("ca.pem"), ca);
    writeFileSync(this.#file("basic"), basic, { mode: 0o600 });
    writeFileSync(this.#file("authorization"), `Authorization: ${basic}`, { mode: 0o600 });
    const files = { ca: this.#file("ca.pem"), basic: this.#file("basic") };
    return { url, ...files, authorization: this.#file("authorization") };
  }

  #program(call: Call, program: string, ...args: readonly string[]): Promise<string> {
    const { url, ca, basic } = this.#inputs(call);
    return this.#run(program, ...args, url, ca, basic, ...(call.rsaOnly ? [RSA_CIPHER] : []));
  }

  async #openssl(call: Call): Promise<string> {
    const { ca } = this.#inputs(call);
    const { hostname, host } = new URL(call.url);
    const name = hostname.replace(/^\[(.*)\]$/, "$1");
    const text = await this.#run(
      { input: request(host, call.credential) },
      "openssl",
      ...["s_client", "-quiet", "-connect", host, "-CAfile", ca, "-verify_return_error"],
      ...[isIP(name) === 0 ? "-verify_hostname" : "-verify_ip", name],
      ...(call.nameless ? ["-noservername"] : []),
      ...(call.rsaOnly ? ["-tls1_2", "-cipher", RSA_CIPHER] : []),
    );
    return text.slice(text.indexOf("\r\n\r\n") + 4);
  }

  async #browser({ url, ca, credential }: Call): Promise<string> {
    const browser = new Browser([
      `--host-resolver-rules=${this.#hosts.map((name) => `MAP ${name} 127.0.0.1`).join(",")}`,
    ]);
    try {
      for (const [index, one] of certificatesIn(ca).entries()) {
        writeFileSync(this.#file("one.pem"), one);
        browser.trust(this.#file("one.pem"), `authority-${index}`);
      }
      const address = new URL(url);
      address.username = credential.user;
      address.password = credential.password;
      const text = await browser.open(address.href);
      if (text === "") {
        throw new Error(`no page; net_error ${browser.tlsErrors().join(", ")}`);
      }
      return text;
    } finally {
      browser.remove();
    }
  }

  /** In a mount namespace of its own, with a list of hosts of its own. */
  async #run(first: string | { input: string }, ...rest: readonly string[]): Promise<string> {
    const { input } = typeof first === "string" ? { input: "" } : first;
    const command = typeof first === "string" ? [first, ...rest] : rest;
    const root = process.getuid?.() === 0;
    const running = promisify(execFile)(
      "unshare",
      [
        ...(root ? ["--mount"] : ["--mount", "--map-root-user"]),
        ...["sh", "-ec", 'mount --bind "$1" /etc/hosts; shift; exec "$@"', "sh"],
        ...[this.#file("hosts"), ...command],
      ],
      // Whatever proxy the environment names is not asked.
      { timeout: 60_000, env: { PATH: process.env["PATH"], HOME: homedir() } },
    );
    // Who was refused may have ended before it reads.
    running.child.stdin?.on("error", () => {}).end(input);
    return (await running).stdout;
  }
}

const request = (host: string, { user, password }: Credential) =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n` +
  `Authorization: Basic ${Buffer.from(`${user}:${password}`).toString("base64")}\r\n\r\n`;

const certificatesIn = (pem: string) =>
  pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n/g) ?? [];
