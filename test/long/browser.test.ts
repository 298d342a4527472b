/**
 * The files of a client's bundle in the programs that owners use: Chromium, curl, Python, Node and
 * Java. What the bundle's own README.txt says is run as it stands.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { Deployed } from "../integration/deployed/deployed.ts";
import { Project } from "../integration/project.ts";
import { Browser } from "./clients/browser.ts";
import { Kept } from "./clients/kept.ts";
import { needPrograms, pythonWithRequests } from "./clients/packages.ts";

/** By the key that the stack makes; one with a host name's name. */
const CLIENTS = { ecdsa: "browser-of-ann", rsa: "app.example.edu" } as const;

/** What a client's owner has: a folder, and a password that came by another way. */
interface Bundle {
  readonly name: string;
  readonly folder: string;
  readonly readme: string;
  readonly password: string;
}

/** Calls the URL in its argument with what the system properties say. */
const JAVA = `
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

public class Call {
  public static void main(String[] arguments) throws Exception {
    var request = HttpRequest.newBuilder(URI.create(arguments[0])).build();
    var response = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
    System.out.print(response.statusCode() + " " + response.body());
  }
}
`;

describe("the bundle of a client", () => {
  let deployed: Deployed | undefined;
  let work: string;
  let python: string;
  const the = () => {
    assert.ok(deployed);
    return deployed;
  };
  const bundles = new Kept<Bundle>();
  const bundle = (name: string) => bundles.get(name);

  before(async () => {
    await needPrograms("chromium", "certutil", "pk12util", "curl", "javac", "keytool");
    python = await pythonWithRequests();
    work = mkdtempSync(join(tmpdir(), "cybexp-test-bundles-"));
    deployed = new Deployed(await Project.create());
    the().project.configure((config) => {
      Object.assign(config["cybexp:kms"] as object, { access: "certificate" });
      config["cybexp:clients"] = Object.entries(CLIENTS).map(([keyType, name]) => ({
        name,
        keyType,
      }));
    });
    await the().up();
    for (const name of Object.values(CLIENTS)) {
      const { code, output, stdout } = await the().project.npm("client", name);
      assert.equal(code, 0, output);
      const written = join(the().project.dir, "clients", the().project.stack, name);
      assert.equal(statSync(written).mode & 0o777, 0o700);
      for (const file of readdirSync(written)) {
        assert.equal(statSync(join(written, file)).mode & 0o777, 0o600, file);
      }
      const folder = join(work, name);
      cpSync(written, folder, { recursive: true });
      const password = new RegExp(`Password of ${name}\\.p12 +(\\S+)`).exec(stdout)?.[1] ?? "";
      const readme = readFileSync(join(folder, "README.txt"), "utf8");
      bundles.set(name, { name, folder, readme, password });
    }
  });
  after(async () => {
    await deployed?.project.remove();
    rmSync(work, { recursive: true, force: true });
  });

  /** What README.txt says to run under a heading, without the indent. */
  function commands({ readme }: Bundle, heading: string): string {
    const lines = readme.split("\n");
    const rest = lines.slice(lines.findIndex((line) => line.startsWith(heading)) + 2);
    const end = rest.findIndex((line) => line !== "" && !line.startsWith("  "));
    return rest
      .slice(0, end === -1 ? undefined : end)
      .map((line) => line.slice(2))
      .join("\n");
  }

  /** Runs a program in the bundle's folder; what it printed. */
  async function run({ folder }: Bundle, program: string, ...args: string[]): Promise<string> {
    const options = { cwd: folder, timeout: 60_000 };
    const { stdout } = await promisify(execFile)(program, args, options);
    return stdout;
  }

  const refusal = (text: string) => JSON.parse(text) as Record<string, unknown>;

  describe("in Chromium", () => {
    let browser: Browser;
    before(() => void (browser = new Browser()));
    after(() => browser.remove());
    const url = () => `${the().outputs.kmsUrl}/`;

    it("refuses a caller without a certificate, and says why", async () => {
      browser.trust(join(bundle(CLIENTS.ecdsa).folder, "server-ca.crt"));
      const { status, certificate, error } = refusal(await browser.open(url()));
      assert.deepEqual(
        [status, certificate, error],
        [403, "missing", "The proxy asks for a client certificate: none was presented."],
      );
    });

    for (const [keyType, name] of Object.entries(CLIENTS)) {
      it(`lets the owner in with a key of ${keyType}, by NSS's own tools`, async () => {
        const own = new Browser();
        try {
          const { folder, password } = bundle(name);
          own.trust(join(folder, "server-ca.crt"));
          own.import(join(folder, `${name}.p12`), password);
          assert.deepEqual(own.certificates(), {
            "cybexp-server-ca": "C,,",
            [`cybexp-${the().project.stack}-${name}`]: "u,u,u",
          });
          assert.equal(await own.open(url()), "up");
        } finally {
          own.remove();
        }
      });
    }

    it("is of no use until the server's authority is trusted", async () => {
      const own = new Browser();
      try {
        const { folder, name, password } = bundle(CLIENTS.ecdsa);
        own.import(join(folder, `${name}.p12`), password);
        // Its page of errors has no text that is given out.
        assert.equal(await own.open(url()), "");
        own.trust(join(folder, "server-ca.crt"));
        assert.equal(await own.open(url()), "up");
      } finally {
        own.remove();
      }
    });
  });

  for (const [keyType, name] of Object.entries(CLIENTS)) {
    describe(`with a key of ${keyType}`, () => {
      it("opens the door to curl", async () => {
        assert.equal(await run(bundle(name), "sh", "-c", commands(bundle(name), "curl:")), "up\n");
      });

      it("opens the door to Python's requests", async () => {
        const text = commands(bundle(name), "Python with requests:");
        assert.match(text, /^import requests$/m);
        assert.equal((await run(bundle(name), python, "-c", text)).trim(), "up");
      });

      it("opens the door to Node", async () => {
        const file = join(bundle(name).folder, "call.mjs");
        writeFileSync(file, commands(bundle(name), "Node:"));
        assert.equal(await run(bundle(name), process.execPath, basename(file)), "up\n");
      });

      it("opens the door to Java", async () => {
        const { folder, password, readme } = bundle(name);
        const text = commands(bundle(name), "Java");
        const [listing = "", truststore = ""] = text.split(/\n(?=keytool)/);
        assert.match(listing, /^keytool -list /);
        assert.match(truststore, /^keytool -importcert /);
        writeFileSync(join(folder, "password"), `${password}\n`);
        const listed = await run(bundle(name), "sh", "-c", `${listing} < password`);
        const alias = `cybexp-${the().project.stack}-${name}`;
        assert.match(listed, new RegExp(`^${alias}, .*PrivateKeyEntry`, "m"));

        await run(bundle(name), "sh", "-c", truststore.split("\n\n")[0] ?? "");
        const properties = readme.match(/^ {2}-D.*$/gm) ?? [];
        assert.equal(properties.length, 6);
        writeFileSync(
          join(folder, "java.args"),
          properties.join("\n").replace(`THE-PASSWORD-OF-${name}.p12`, password),
          { mode: 0o600 },
        );
        writeFileSync(join(folder, "Call.java"), JAVA);
        const url = `${the().outputs.kmsUrl}/`;
        const said = await run(bundle(name), "java", "@java.args", "Call.java", url);
        assert.equal(said, "200 up\n");

        // And without the certificate it is the certificate that is missing.
        const trust = properties.filter((line) => line.includes("trustStore")).join("\n");
        writeFileSync(join(folder, "java.args"), trust);
        const refused = await run(bundle(name), "java", "@java.args", "Call.java", url);
        assert.match(refused, /^403 \{"status":403,.*"certificate":"missing"/);
      });
    });
  }
});
