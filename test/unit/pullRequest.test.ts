import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { environmentsOf } from "../../cli/pull-request/pullRequest.ts";
import { Repository } from "../../cli/pull-request/checkout.ts";
import { PassphraseEncryption } from "../../cli/pull-request/passphrase.ts";
import { findPlaces, loopbackFor } from "../../cli/pull-request/places.ts";
import { endpointsOf, hostsOf } from "../../cli/pull-request/listeners.ts";
import {
  type Substitutes,
  configOf,
  imagesOf,
  leftOut,
  rehearsal,
} from "../../cli/pull-request/rehearsal.ts";
import { childEnvironment } from "../../cli/pull-request/childEnvironment.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { missingImages, substituteFor } from "../../cli/pull-request/substituteImages.ts";
import { freePorts } from "../integration/project.ts";

const substitutes: Substitutes = {
  salt: "v1:salt",
  secret: (encrypted) => `thrown-away-${encrypted}`,
  image: (_key, reference) => reference,
  place: (original) => original,
};

const FILE = `
secretsprovider: awskms://key
encryptedkey: abc
environment: [production]
config:
  cybexp:kms: { image: example/kms:1, bind: "127.0.0.1:5012", listen: 5002 }
  cybexp:backend: { image: example/backend:1, bind: "[::1]:5011", listen: "5001" }
  cybexp:database: { image: "mongo:8.0", publish: { kms: "127.0.0.1:5006" } }
  cybexp:proxy: { image: "nginx:1.28", serverName: CYBEXP.example.edu, address: 192.0.2.10 }
  cybexp:kapow: { image: "example/kapow:1", listen: 5003, init: /init.sh, healthRoute: /health, program: /kapow, door: { listen: 5004 } }
  cybexp:users: [{ name: ann }, { name: rob, password: { secure: c1 } }]
  cybexp:state: { backend: "s3://bucket" }
  cybexp:production: true
  cybexp:throwaway: false
  docker:host: ssh://production.example.edu
  other:token: { secure: c2 }
`;

const rehearsed = (file: string, changed: Partial<Substitutes> = {}) =>
  parse(rehearsal(file, { ...substitutes, ...changed })) as {
    encryptionsalt: string;
    config: Record<string, Record<string, unknown>>;
  };

describe("a stack's file for a rehearsal", () => {
  it("has only the program's config, with throw-away secrets and without the real stack's place", () => {
    const { config, ...rest } = rehearsed(FILE);
    assert.deepEqual(rest, { encryptionsalt: "v1:salt" });
    assert.deepEqual(Object.keys(config), [
      "cybexp:kms",
      "cybexp:backend",
      "cybexp:database",
      "cybexp:proxy",
      "cybexp:kapow",
      "cybexp:users",
      "cybexp:throwaway",
    ]);
    assert.equal(config["cybexp:throwaway"], false);
    assert.deepEqual(config["cybexp:users"], [
      { name: "ann" },
      { name: "rob", password: { secure: "thrown-away-c1" } },
    ]);
  });

  it("refuses what is encrypted as a whole, and what is not valid YAML, without quoting it", () => {
    assert.throws(
      () => rehearsal("config: { 'cybexp:users': { secure: c1 } }", substitutes),
      /cybexp:users is encrypted as a whole/,
    );
    assert.throws(
      () => rehearsal("config: { 'cybexp:rotation': { kmsJwtKey: { secure: c1 } } }", substitutes),
      {
        message:
          "cybexp:rotation.kmsJwtKey is encrypted, so it can't be rehearsed: encrypt only passwords",
      },
    );
    assert.throws(() => rehearsal("a: [password", substitutes), {
      message: "the stack's file is not valid YAML",
    });
  });

  it("listens where ports are free", () => {
    const place: Substitutes["place"] = ({ address, port }) => ({
      address: address === "192.0.2.10" ? "127.70.0.1" : address,
      port: port + 1000,
    });
    const { config } = rehearsed(FILE, { place });
    assert.equal(config["cybexp:kms"]?.["bind"], "127.0.0.1:6012");
    assert.equal(config["cybexp:kms"]["listen"], 6002);
    assert.equal(config["cybexp:backend"]?.["bind"], "[::1]:6011");
    assert.equal(config["cybexp:backend"]["listen"], 6001);
    assert.deepEqual(config["cybexp:database"]?.["publish"], { kms: "127.0.0.1:6006" });
    assert.equal(config["cybexp:proxy"]?.["address"], "127.70.0.1");
    assert.equal(config["cybexp:kapow"]?.["listen"], 6003);
    assert.deepEqual(config["cybexp:kapow"]["door"], { listen: 6004 });
    assert.deepEqual(hostsOf(configOf(FILE), place), { "cybexp.example.edu": "127.70.0.1" });
    assert.deepEqual(
      hostsOf({ "cybexp:proxy": { serverName: "a.example", address: "0.0.0.0" } }, (same) => same),
      { "a.example": "127.0.0.1" },
    );
  });

  it("moves each collector, also one whose port is the default", () => {
    const file = `config:
  cybexp:collector:
    - { image: "example/collector:1", user: ann }
    - { image: "example/collector:1", user: ann, name: b, bind: "127.0.0.1:6010" }
    - { image: "example/other:1", user: ann, name: c, bind: "192.0.2.10:6000", expose: true }
    - { image: "example/other:1", user: ann, name: d, bind: "192.0.2.10:6001" }
    - { image: "cybexp-demo/collector:1", user: ann, name: e, bind: 6000 }
    - text
`;
    const found = endpointsOf(configOf(file)).map(({ address, port }) => `${address} ${port}`);
    assert.deepEqual(found, ["127.0.0.1 6000", "127.0.0.1 6010", "192.0.2.10 6000"]);
    const { config } = rehearsed(file, {
      place: ({ address, port }) => ({
        address: address === "192.0.2.10" ? "127.70.0.1" : address,
        port: port + 1000,
      }),
      image: (key, reference) => substituteFor({ key, reference }),
    });
    const collectors = config["cybexp:collector"] as unknown as Record<string, unknown>[];
    assert.deepEqual(
      collectors.map(({ bind }) => bind),
      // The program refuses the others.
      ["127.0.0.1:7000", "127.0.0.1:7010", "127.70.0.1:7000", "192.0.2.10:6001", 6000, undefined],
    );
    const images = collectors.slice(0, 5).map(({ image }) => String(image));
    assert.ok(images.every((image) => /^cybexp-rehearsal\/collector:\w{12}$/.test(image)));
    assert.equal(images[0], images[1]);
    assert.notEqual(images[1], images[2]);
    assert.equal(collectors[5], "text");
  });

  it("leaves malformed values for the program to report", () => {
    const file = "config: { 'cybexp:kms': { bind: localhost, listen: x }, 'cybexp:proxy': text }";
    assert.deepEqual(rehearsed(file).config, {
      "cybexp:kms": { bind: "localhost", listen: "x" },
      "cybexp:proxy": "text",
    });
    assert.deepEqual(endpointsOf(configOf(file)), []);
    assert.deepEqual(configOf(""), {});
  });

  it("has other images if told to, and a Kapow! program that the demo image can run", () => {
    const image: Substitutes["image"] = (key, reference) => substituteFor({ key, reference });
    const { config } = rehearsed(FILE, { image });
    assert.match(
      String(config["cybexp:database"]?.["image"]),
      /^cybexp-rehearsal\/database:\w{12}$/,
    );
    assert.equal(config["cybexp:kapow"]?.["program"], "kapow");
    assert.equal(
      config["cybexp:kapow"]["init"],
      "#!/bin/sh -e\nkapow route add /health -c 'kapow set /response/body well'\n# the image's /init.sh\n",
    );
    assert.deepEqual(
      imagesOf(configOf(FILE)).map(({ key }) => key),
      ["kms", "backend", "database", "proxy", "kapow"],
    );
  });

  it("knows every listener", () => {
    assert.deepEqual(
      endpointsOf(configOf(FILE)).map(({ address, port }) => `${address} ${port}`),
      [
        "127.0.0.1 5012",
        "::1 5011",
        "192.0.2.10 5002",
        "192.0.2.10 5001",
        "127.0.0.1 5006",
        "192.0.2.10 5004",
        "127.0.0.1 5003",
      ],
    );
  });

  it("says which parts of a change it leaves out", () => {
    const next = FILE.replace("awskms://key", "awskms://other")
      .replace("production: true", "production: false")
      .replace("ssh://production", "ssh://other")
      .replace("listen: 5002", "listen: 5009");
    assert.deepEqual(leftOut(FILE, next), ["cybexp:production", "docker:host", "secretsprovider"]);
    assert.deepEqual(leftOut(FILE, FILE), []);
  });

  it("has certificates of its own where the real ones come from elsewhere", () => {
    const supplied = (certificate: string) => `${FILE}
  cybexp:certificates:
    source: supplied
    authorities: /etc/pki/root.pem
    supplied: [{ certificate: ${certificate}, privateKey: { secure: c3 } }]
    validityDays: 30
`;
    assert.deepEqual(rehearsed(supplied("a.pem")).config["cybexp:certificates"], {
      validityDays: 30,
    });
    assert.deepEqual(leftOut(supplied("a.pem"), supplied("b.pem")), [
      "cybexp:certificates.supplied",
    ]);
    assert.deepEqual(leftOut(FILE, supplied("a.pem")), [
      "cybexp:certificates.authorities",
      "cybexp:certificates.source",
      "cybexp:certificates.supplied",
    ]);
    assert.throws(
      () => rehearsal(`${FILE}\n  cybexp:certificates: { secure: c3 }`, substitutes),
      /^UserError: cybexp:certificates is encrypted as a whole/,
    );
  });
});

describe("where a rehearsal listens", () => {
  it("is where the real stack listens, except for taken ports and other machines' addresses", async () => {
    const [free = 0, taken = 0] = await freePorts(2);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(taken, "127.0.0.1", resolve));
    try {
      const originals = [
        { address: "127.0.0.1", port: free },
        { address: "127.0.0.1", port: taken },
        { address: "192.0.2.10", port: free },
        { address: "192.0.2.10", port: free },
      ];
      const places = await findPlaces(originals);
      const [own, moved, foreign] = originals.map((original) => places.place(original));
      assert.deepEqual(own, originals[0]);
      assert.equal(moved?.address, "127.0.0.1");
      assert.notEqual(moved.port, taken);
      if (process.platform === "linux") {
        assert.deepEqual(foreign, { address: loopbackFor("192.0.2.10"), port: free });
      }
      for (const original of originals) {
        assert.deepEqual(places.original(places.place(original)), original);
      }
      // What the program publishes by itself at that port.
      assert.deepEqual(places.original({ address: "0.0.0.0", port: moved.port }), {
        address: "0.0.0.0",
        port: taken,
      });
      const other = loopbackFor("192.0.2.10");
      assert.equal(places.translate(`at ${other}:1, ${other}9`), `at 192.0.2.10:1, ${other}9`);
    } finally {
      server.close();
    }
  });

  it("is the same loopback address each time", () => {
    assert.equal(loopbackFor("192.0.2.10"), loopbackFor("192.0.2.10"));
    assert.notEqual(loopbackFor("192.0.2.10"), loopbackFor("192.0.2.11"));
    assert.match(loopbackFor("2001:db8::1"), /^127\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+$/);
  });
});

describe("a rehearsal's environment", () => {
  it("has nothing that leads to a real stack, and no token", () => {
    const env = childEnvironment(
      {
        PATH: "/bin",
        HOME: "/home/ann",
        DOCKER_HOST: "unix:///run/docker.sock",
        https_proxy: "http://proxy.example.edu",
        PULUMI_ACCESS_TOKEN: "t",
        PULUMI_BACKEND_URL: "s3://bucket",
        PULUMI_CONFIG_PASSPHRASE: "p",
        PULUMI_CONFIG_PASSPHRASE_FILE: "/p",
        AWS_SECRET_ACCESS_KEY: "k",
        AZURE_CLIENT_SECRET: "k",
        GOOGLE_CREDENTIALS: "k",
        GITHUB_TOKEN: "g",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN: "a",
        npm_config__authToken: "n",
        CYBEXP_CONFIG_FILE: "/x",
        NODE_OPTIONS: "--inspect",
        STACK: "prod",
      },
      { folder: "/t", stack: "s", hosts: { "a.example": "127.0.0.1" } },
    );
    assert.deepEqual(env, {
      PATH: "/bin",
      HOME: "/home/ann",
      DOCKER_HOST: "unix:///run/docker.sock",
      https_proxy: "http://proxy.example.edu",
      STACK: "s",
      PULUMI_STACK: "s",
      PULUMI_BACKEND_URL: "file:///t/state?metadata=skip",
      PULUMI_CONFIG_PASSPHRASE_FILE: "/t/passphrase",
      CYBEXP_REHEARSAL_HOSTS: '{"a.example":"127.0.0.1"}',
    });
  });
});

describe("values encrypted with a passphrase", () => {
  it("are what Pulumi decrypts, the salt's known text too", () => {
    const encryption = new PassphraseEncryption("a passphrase");
    const [, salt = "", ...check] = encryption.salt.split(":");
    const key = pbkdf2Sync("a passphrase", Buffer.from(salt, "base64"), 1_000_000, 32, "sha256");
    const decrypt = (text: string) => {
      const [version, nonce = "", sealed = ""] = text.split(":");
      assert.equal(version, "v1");
      const bytes = Buffer.from(sealed, "base64");
      const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
      decipher.setAuthTag(bytes.subarray(-16));
      return decipher.update(bytes.subarray(0, -16), undefined, "utf8") + decipher.final("utf8");
    };
    assert.equal(decrypt(check.join(":")), "pulumi");
    assert.equal(decrypt(encryption.encrypt("päss")), "päss");
    assert.notEqual(encryption.encrypt("x"), encryption.encrypt("x"));
  });
});

describe("images that stand in", () => {
  it("are for images that are neither here nor in a registry; a demo image is never pulled", async () => {
    const asked: string[] = [];
    const parts = [
      { key: "kms", reference: "cybexp-demo/kms:1" },
      { key: "backend", reference: "example/here:1" },
      { key: "database", reference: "example/pulled:1" },
      { key: "proxy", reference: "example/nowhere:1" },
      { key: "kapow", reference: "example/nowhere:1" },
      { key: "collector", reference: "example/nowhere:1" },
      { key: "collector", reference: "example/nowhere:1" },
      { key: "unknown", reference: "example/nowhere:1" },
    ];
    const attempt: Docker["attempt"] = (args) => {
      asked.push(args.join(" "));
      const isThere = /inspect example\/here|pull example\/pulled/.test(args.join(" "));
      const silence = { stdout: "", bytes: Buffer.from(""), stderr: "", all: "", timedOut: false };
      return Promise.resolve({ ...silence, code: isThere ? 0 : 1 });
    };
    const missing = await missingImages({ attempt }, parts);
    assert.deepEqual(missing, parts.slice(3, 6));
    assert.deepEqual(asked, [
      "image inspect example/here:1",
      "image inspect example/pulled:1",
      "pull example/pulled:1",
      "image inspect example/nowhere:1",
      "pull example/nowhere:1",
    ]);
  });
});

describe("the two sides of a change", () => {
  let root = "";
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.edu", ...args], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  const write = (file: string, text: string) => writeFileSync(join(root, file), text);

  before(() => {
    root = mkdtempSync(join(tmpdir(), "cybexp-repository-"));
    git("init", "-q", "-b", "main");
    mkdirSync(join(root, "policy"));
    mkdirSync(join(root, "node_modules"));
    write(".gitignore", "node_modules\nignored\n");
    write("package-lock.json", "1");
    write("policy/rule", "strict");
    write("Pulumi.yaml", "");
    write("Pulumi.dev.yaml", "old");
    write("Pulumi.prod.example.yaml", "");
    git("add", "-A");
    git("commit", "-qm", "one");
    git("checkout", "-qb", "change");
    write("Pulumi.dev.yaml", "committed");
    write("policy/rule", "lax");
    git("commit", "-qam", "two");
    git("checkout", "-q", "main");
    write("later", "on main");
    git("add", "-A");
    git("commit", "-qm", "three");
    git("checkout", "-q", "change");
  });
  after(() => rmSync(root, { recursive: true }));

  it("begin from where the change left the base", async () => {
    const base = await new Repository(root).findBase("main");
    const hash = git("rev-parse", "main~1");
    assert.deepEqual(base, { hash, name: `main at ${hash.slice(0, 7)}` });
    await assert.rejects(new Repository(root).findBase("--all"), /--base "--all" is not a commit/);
  });

  it("are copied without touching what is checked out; edits and new files belong to the change", async () => {
    const repository = new Repository(root);
    const base = await repository.findBase("main");
    write("Pulumi.dev.yaml", "edited");
    write("Pulumi.new.yaml", "");
    write("ignored", "");
    rmSync(join(root, "Pulumi.prod.example.yaml"));
    const sides = { head: join(root, "node_modules", "head") };
    mkdirSync(sides.head);
    await repository.extract(base, join(root, "node_modules", "base"));
    await repository.copy(sides.head);
    const read = (side: string) =>
      readFileSync(join(root, "node_modules", side, "Pulumi.dev.yaml"), "utf8");
    assert.equal(read("base"), "old");
    assert.equal(read("head"), "edited");
    assert.ok(!existsSync(join(sides.head, "ignored")));
    assert.ok(lstatSync(join(sides.head, "node_modules")).isSymbolicLink());
    assert.deepEqual(environmentsOf([join(root, "node_modules", "base"), sides.head]), [
      "dev",
      "new",
    ]);
    assert.deepEqual(await repository.judgesTouched(base), ["policy/rule"]);
    assert.ok(!readdirSync(root).includes("base"));
  });
});
