import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { execa } from "execa";
import { parse } from "yaml";
import { renewed } from "../../cli/module/configFile.ts";
import { type Owner, writeModule } from "../../cli/module/folder.ts";
import { type FilesInput, moduleFiles } from "../../cli/module/module.ts";
import { type ModuleOutputs, pickConfig, requirePasswordDoors } from "../../cli/module/outputs.ts";
import { type Resolution, routeOptions, routeTo } from "../../cli/module/route.ts";
import { projectRoot } from "../../machine/paths.ts";
import { keyFileFault } from "../../render/keyFiles.ts";
import { renderModuleConfig } from "../../render/moduleConfig.ts";
import { mintToken } from "../../render/token.ts";

const KEY = "ab".repeat(32);
const outputs = {
  kmsUrl: "https://cybexp.example.org:5002",
  backendUrl: "https://cybexp.example.org:5001",
  serverCa: "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----",
};

function config(user: string, password = "secret word", generation = 1): string {
  const token = mintToken({
    ...{ key: KEY, subject: user, issuedAt: 0 },
    tokenId: `${user}-${generation}`,
  });
  return renderModuleConfig({ ...outputs, user, password, token });
}

function input(more: Partial<FilesInput> = {}): FilesInput {
  return {
    ...{ stack: "dev", user: "alice", kind: "collector", image: "cybexp-collector" },
    ...{ route: { kind: "name" }, outputs, config: config("alice") },
    ...more,
  };
}

function scratch(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "cybexp-module-")));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const OWNER: Owner = { stack: "dev", user: "alice", kind: "collector" };

describe("a module's way to the proxy", () => {
  const route = (more: Partial<Resolution>) =>
    routeTo({ serverName: "kms.example.org", address: "0.0.0.0", dns: [], here: [], ...more });

  it("is the name alone where the DNS has it, wherever the proxy listens", () => {
    assert.deepEqual(route({ dns: ["192.0.2.7"], here: ["127.0.0.1"] }), { kind: "name" });
    assert.deepEqual(route({ dns: ["2001:db8::1"], address: "127.0.0.1" }), { kind: "name" });
  });

  it("is the host's network where the proxy is on loopback", () => {
    assert.deepEqual(routeOptions(route({ serverName: "localhost" })), ["--network=host"]);
    const options = ["--network=host", "--add-host=kms.example.org:127.0.0.1"];
    assert.deepEqual(routeOptions(route({ address: "127.0.0.1" })), options);
    assert.deepEqual(routeOptions(route({ here: ["127.0.0.1"] })), options);
    assert.deepEqual(routeOptions(route({ dns: ["127.0.0.1"], here: ["127.0.0.1"] })), options);
    assert.deepEqual(routeOptions(route({ address: "127.0.0.2" })), [
      "--network=host",
      "--add-host=kms.example.org:127.0.0.2",
    ]);
  });

  it("is an address that this machine or the config knows, where the DNS has none", () => {
    const options = ["--add-host=kms.example.org:192.0.2.7"];
    assert.deepEqual(routeOptions(route({ here: ["192.0.2.7"] })), options);
    assert.deepEqual(routeOptions(route({ address: "192.0.2.7" })), options);
    assert.deepEqual(route({}), { kind: "unknown", name: "kms.example.org" });
    assert.deepEqual(routeOptions(route({})), []);
  });
});

describe("what a stack has for a user's module", () => {
  const known: ModuleOutputs = { ...outputs, moduleConfig: { alice: config("alice") } };
  const pick = (name: string, more: Partial<ModuleOutputs> = {}, listed = ["alice", "bob"]) =>
    pickConfig(name, { stack: "prod", outputs: { ...known, ...more }, listed });

  it("is the user's config.yaml", () => {
    assert.equal(pick("alice"), config("alice"));
    assert.equal(pick("alice", { administrator: { user: "boss" } }), config("alice"));
  });

  it("is nothing for a user that is missing, with a hint", () => {
    assert.throws(() => pick("alcie"), {
      name: "UserError",
      message:
        'prod has no user "alcie" (did you mean alice?): cybexp:users in Pulumi.prod.yaml has alice',
    });
    assert.throws(() => pick("bob"), {
      message: "bob is new in Pulumi.prod.yaml: run `STACK=prod npm run up` first",
    });
    assert.throws(() => pick("toString", {}, []), /^UserError: prod has no user "toString"/);
  });

  it("is nothing for an administrator, by the token's own word", () => {
    assert.throws(() => pick("alice", { administrator: { user: "alice" } }), {
      message:
        "alice is the KMS's administrator, whose token is for making users alone: choose another user of cybexp:users in Pulumi.prod.yaml",
    });
    const moduleConfig = { alice: config("boss") };
    assert.throws(() => pick("alice", { moduleConfig, administrator: { user: "boss" } }), {
      name: "UserError",
    });
  });

  it("is of no use at a door that asks for a certificate", () => {
    requirePasswordDoors("dev", { kms: "password", backend: "either" });
    assert.throws(() => requirePasswordDoors("dev", { kms: "either", backend: "both" }), {
      message:
        "CYBEX-P's modules can't present a certificate, and cybexp:backend.access in Pulumi.dev.yaml is both: set it to password or either",
    });
    assert.throws(() => requirePasswordDoors("dev", { kms: "certificate", backend: "password" }), {
      message: /cybexp:kms\.access in Pulumi\.dev\.yaml is certificate/,
    });
  });
});

describe("a module's folder", () => {
  const write = (
    folder: string,
    more: Partial<FilesInput> = {},
    overwrite = false,
    owner = OWNER,
  ) => writeModule(folder, owner, moduleFiles(input(more)), overwrite);
  const read = (folder: string, name: string) => readFileSync(join(folder, name), "utf8");
  const modeOf = (path: string) => (statSync(path).mode & 0o777).toString(8);

  it("is its owner's alone, whatever the umask", (t) => {
    const before = process.umask(0);
    t.after(() => process.umask(before));
    const folder = join(scratch(t), "a", "alice-collector");
    write(folder);
    const modes = Object.fromEntries(
      ["", "secrets", "bin", "config.yaml", "ca.pem", "README.txt", "run.sh", "bin/docker"].map(
        (name) => [name, modeOf(join(folder, name))],
      ),
    );
    assert.deepEqual(modes, {
      "": "700",
      secrets: "700",
      bin: "700",
      "config.yaml": "600",
      "ca.pem": "600",
      "README.txt": "600",
      "run.sh": "700",
      "bin/docker": "700",
    });
    assert.equal(read(folder, "config.yaml"), config("alice"));
    assert.equal(read(folder, "ca.pem"), `${outputs.serverCa}\n`);
    // The password and the token are in one place.
    const { kms_access_key: token } = parse(config("alice")) as { kms_access_key: string };
    for (const name of ["README.txt", "run.sh", "bin/docker", ".module.json"]) {
      assert.ok(!read(folder, name).includes(token) && !read(folder, name).includes("secret word"));
    }
  });

  it("is refreshed by the same command, and keeps the keys and what else is in it", (t) => {
    const folder = scratch(t);
    write(folder);
    writeFileSync(join(folder, "secrets", "de.bin"), "a key");
    writeFileSync(join(folder, "notes.txt"), "mine");
    rmSync(join(folder, "run.sh"));
    write(folder, {
      config: config("alice", "another", 2),
      outputs: { ...outputs, serverCa: "two" },
    });
    assert.equal(read(folder, "config.yaml"), config("alice", "another", 2));
    assert.equal(read(folder, "ca.pem"), "two\n");
    assert.equal(read(folder, "secrets/de.bin"), "a key");
    assert.equal(read(folder, "notes.txt"), "mine");
    assert.ok(existsSync(join(folder, "run.sh")));
  });

  it("keeps the operator's changes to config.yaml, and brings the new credentials", (t) => {
    const folder = scratch(t);
    write(folder);
    const mine = read(folder, "config.yaml")
      .replace('      - match: "ipv4"\n', '      - match: "ipv4"\n      - match: host # ours\n')
      .replace("enc_worker_threads: 10", "enc_worker_threads: 3");
    writeFileSync(join(folder, "config.yaml"), mine);
    for (const generation of [2, 3]) {
      const fresh = config("alice", `password ${generation}`, generation);
      write(folder, { config: fresh });
      const now = read(folder, "config.yaml");
      assert.match(now, /^ {6}- match: host # ours$/m);
      assert.match(now, /^# Adapt `policy`/m);
      const [is, wanted] = [now, fresh].map((text) => parse(text) as Record<string, unknown>);
      assert.deepEqual(is?.["basic_auth"], { user: "alice", pass: `password ${generation}` });
      assert.equal(is["kms_access_key"], wanted?.["kms_access_key"]);
      assert.equal(is["enc_worker_threads"], 3);
    }
    write(folder, {}, true);
    assert.equal(read(folder, "config.yaml"), config("alice"));
  });

  it("refuses to overwrite what is not its own unless it is told", (t) => {
    const folder = scratch(t);
    const refused = (message: string | RegExp, owner = OWNER) =>
      assert.throws(() => write(folder, { config: config("alice", "new") }, false, owner), {
        name: "UserError",
        message,
      });
    writeFileSync(join(folder, "config.yaml"), "theirs: 1\n");
    refused(
      `${folder} has files that this command did not write and would replace (config.yaml): move them elsewhere, or replace them with --overwrite`,
    );
    assert.equal(read(folder, "config.yaml"), "theirs: 1\n");
    write(folder, {}, true);

    refused(
      `${folder} is the collector of alice of the stack dev: choose another folder, or replace it with --overwrite`,
      { ...OWNER, user: "bob" },
    );
    writeFileSync(join(folder, "run.sh"), "#!/bin/sh\necho mine\n");
    refused(
      `${folder} has files that were changed since this command wrote them (run.sh): keep a copy of the changes elsewhere, and replace them with --overwrite`,
    );
    write(folder, {}, true);
    writeFileSync(join(folder, "config.yaml"), "a: [");
    refused(/config\.yaml was changed and is no longer a configuration in YAML/);
    writeFileSync(join(folder, "file"), "");
    assert.throws(() => write(join(folder, "file")), {
      message: `${join(folder, "file")} is in the way, because it is not a folder: move it elsewhere`,
    });
  });
});

describe("a renewed config.yaml", () => {
  it("has its sections in block style, as collector.sh's sed needs them", () => {
    const old = "basic_auth: {user: a, pass: b}\nkms: {url: http://old}\npolicy: {index: {}}\n";
    const text = renewed(old, config("alice"), "config.yaml");
    assert.match(text, /^basic_auth:\n {2}user: "alice"\n {2}pass: "secret word"$/m);
    assert.match(text, /^kms:\n {2}url: "https:\/\/cybexp\.example\.org:5002"$/m);
    assert.match(text, /^backend_server:\n {2}url: "https:\/\/cybexp\.example\.org:5001"$/m);
    assert.match(text, /^policy: ?\{/m);
  });

  it("leaves values as PyYAML reads them", () => {
    const old = "policy:\n  a: no\n  b: 0x12\n  c: 340282366920938463463374607431768211455\n";
    const text = renewed(old, config("alice"), "config.yaml");
    const { policy } = parse(text, { version: "1.1", intAsBigInt: true }) as { policy: object };
    assert.deepEqual(policy, { a: false, b: 18n, c: 2n ** 128n - 1n });
  });
});

describe("a module's scripts", () => {
  const NETWORKS = [
    { kind: "name" },
    { kind: "host" },
    { kind: "address", name: "kms.example.org", address: "192.0.2.7" },
  ] as const;

  /** A folder, and a `docker` that prints its arguments, one a line. */
  function made(t: TestContext, more: Partial<FilesInput> = {}) {
    const root = scratch(t);
    const folder = join(root, "with space");
    const kind = more.kind ?? "collector";
    writeModule(folder, { ...OWNER, kind }, moduleFiles(input(more)), false);
    const bin = join(root, "bin");
    mkdirSync(bin);
    const fake = `#!/bin/sh\nif [ "$1" = info ]; then echo "$SECURITY"; else printf '%s\\n' "$@"; fi\n`;
    writeFileSync(join(bin, "docker"), fake);
    chmodSync(join(bin, "docker"), 0o700);
    const run = async (command: string, args: string[] = [], env: Record<string, string> = {}) => {
      const PATH = `${bin}:${process.env["PATH"] ?? ""}`;
      const result = await execa(command, args, {
        cwd: folder,
        reject: false,
        env: { PATH, ...env },
      });
      return { ...result, lines: result.stdout.split("\n") };
    };
    return { folder, bin, run };
  }

  it("are POSIX shell, whatever the network", async (t) => {
    for (const route of NETWORKS) {
      for (const kind of ["collector", "query"] as const) {
        const files = moduleFiles(input({ route, kind }));
        for (const name of ["run.sh", "bin/docker"]) {
          const file = join(scratch(t), "script");
          writeFileSync(file, files.get(name)?.content ?? "");
          const { exitCode, stderr } = await execa("sh", ["-n", file], { reject: false });
          assert.equal(exitCode, 0, stderr);
        }
      }
    }
  });

  it("run a collector with its authorities, its keys and a signal that lets it finish", async (t) => {
    const { folder, run } = made(t);
    const { lines } = await run("./run.sh");
    const [uid, gid] = [process.getuid?.(), process.getgid?.()];
    assert.deepEqual(lines, [
      "run",
      "--rm",
      `--user=${uid}:${gid}`,
      "--read-only",
      "--tmpfs=/tmp",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--publish=127.0.0.1:6000:8080",
      "--stop-signal=SIGINT",
      "--stop-timeout=120",
      "--env=REQUESTS_CA_BUNDLE=/ca.pem",
      `--volume=${folder}/ca.pem:/ca.pem:ro`,
      `--volume=${folder}/config.yaml:/config.yaml:ro`,
      `--volume=${folder}/secrets:/secrets`,
      "cybexp-collector",
    ]);
    const detached = await run("./run.sh", ["--detach"], { IMAGE: "other:1" });
    assert.deepEqual(detached.lines.slice(1, 4), [
      "--detach",
      "--name=cybexp-collector-alice",
      "--restart=unless-stopped",
    ]);
    assert.equal(detached.lines.at(-1), "other:1");
    assert.equal((await run("./run.sh", ["--stop"])).exitCode, 2);
    // As root in the container, where the engine itself is this user.
    const rootless = await run("./run.sh", [], { SECURITY: "[name=seccomp name=rootless]" });
    assert.ok(rootless.lines.includes("--user=0:0"));
  });

  it("publish no port in the host's network", async (t) => {
    const { run } = made(t, { route: { kind: "host" } });
    const { stdout } = await run("./run.sh");
    assert.match(stdout, /^--network=host$/m);
    assert.doesNotMatch(stdout, /publish/);
  });

  it("pass a query's words on as they are", async (t) => {
    const { folder, run } = made(t, { kind: "query", image: "q:1" });
    const { lines } = await run("./run.sh", ["two words", "--query-type", "count"]);
    assert.deepEqual(lines.slice(-5), [
      `--volume=${folder}/output:/output`,
      "q:1",
      "two words",
      "--query-type",
      "count",
    ]);
    assert.equal(statSync(join(folder, "output")).mode & 0o777, 0o600);
  });

  it("stop at a key file that is an answer of a server", async (t) => {
    const { folder, run } = made(t);
    writeFileSync(join(folder, "secrets", "de.bin"), "<html>401</html>");
    writeFileSync(join(folder, "secrets", "ore.bin"), '{"msg":"Not enough segments"}');
    const { exitCode, stdout, stderr } = await run("./run.sh");
    assert.equal(exitCode, 1);
    assert.equal(stdout, "");
    assert.match(stderr, /^error: not a key, .*: secrets\/de\.bin secrets\/ore\.bin$/m);
    assert.match(stderr, /: rm secrets\/de\.bin secrets\/ore\.bin$/m);
    writeFileSync(join(folder, "secrets", "de.bin"), publicPem());
    writeFileSync(join(folder, "secrets", "ore.bin"), Buffer.alloc(256, 7).toString("base64"));
    assert.equal((await run("./run.sh")).exitCode, 0);
  });

  it("stand in for docker in front of CYBEX-P's own scripts", async (t) => {
    const { folder, bin, run } = made(t, { route: NETWORKS[2] });
    // The line of collector.sh, word for word.
    const own = join(folder, "own.sh");
    writeFileSync(
      own,
      "#!/usr/bin/env bash\nDOCKER=docker\nCONFIG_FILE=$1\nBIND_IFACE_PORT=6000\nFULL_PATH=/there\n" +
        "IMAGE_NAME=cybexp-collector\n" +
        "$DOCKER run -v `realpath $CONFIG_FILE`:/config.yaml:ro -p ${BIND_IFACE_PORT}:8080 -v $FULL_PATH/secrets:/secrets/ -it $IMAGE_NAME $other_args\n" +
        "$DOCKER stop one two\n",
    );
    const PATH = `${join(folder, "bin")}:${bin}:${process.env["PATH"] ?? ""}`;
    const { lines, stderr } = await run("bash", ["own.sh", "/dev/null"], { PATH });
    assert.equal(stderr, "");
    assert.deepEqual(lines, [
      "run",
      "--stop-signal=SIGINT",
      "--stop-timeout=120",
      "--add-host=kms.example.org:192.0.2.7",
      "--env=REQUESTS_CA_BUNDLE=/ca.pem",
      `--volume=${folder}/ca.pem:/ca.pem:ro`,
      ...["-v", "/dev/null:/config.yaml:ro", "-p", "6000:8080", "-v", "/there/secrets:/secrets/"],
      ...["-it", "cybexp-collector"],
      ...["stop", "one", "two"],
    ]);
  });
});

describe("a module's README", () => {
  const readme = (more: Partial<FilesInput> = {}) =>
    moduleFiles(input(more)).get("README.txt")?.content ?? "";

  it("has lines that fit a terminal", () => {
    for (const kind of ["collector", "query"] as const) {
      for (const line of readme({ kind }).split("\n")) {
        assert.ok(line.length <= 110, line);
      }
    }
  });

  it("says how the folder is refreshed, with a command that works when pasted", () => {
    assert.match(readme(), /^ {2}npm run module -- alice$/m);
    const other = readme({ kind: "query", stack: "prod" });
    assert.match(other, /^ {2}STACK=prod npm run module -- alice --kind query$/m);
  });

  it("doesn't hand a password to collector.sh's eval", () => {
    const plain = readme({ config: config("alice", "Ab3-_.") });
    assert.match(
      plain,
      /CURL_CA_BUNDLE="\$PWD\/ca\.pem" .*collector\.sh --get-attrib config\.yaml$/m,
    );
    const risky = readme({ config: config("alice", "a$(id)") });
    assert.doesNotMatch(risky, /CURL_CA_BUNDLE/);
    assert.match(risky, /Don't use its --get-attrib/);
    assert.doesNotMatch(readme({ kind: "query" }), /get-attrib/);
  });

  it("warns of an ingest port that is open to the network", () => {
    const host = { kind: "host" } as const;
    assert.match(readme({ route: host }), /port 8080 of ALL addresses of the host/);
    assert.doesNotMatch(readme(), /ALL addresses/);
    assert.doesNotMatch(readme({ route: host, kind: "query" }), /ALL addresses/);
  });
});

function publicPem(): string {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

describe("a key file", () => {
  const fault = (name: Parameters<typeof keyFileFault>[0], text: string) =>
    keyFileFault(name, Buffer.from(text));
  const page = "<html>\r\n<head><title>401 Authorization Required</title></head></html>";

  it("is one if it looks like what the KMS makes", () => {
    assert.equal(fault("de.bin", publicPem()), undefined);
    assert.equal(fault("ore.bin", Buffer.alloc(256, 1).toString("base64")), undefined);
    assert.equal(
      fault("ore_params.bin", '{"ORE_IN_MIN": 0, "ORE_IN_MAX": 18446744073709551615}'),
      undefined,
    );
    assert.equal(keyFileFault("cpabe_pub.bin", Buffer.from([0x80, 4, 0x7b])), undefined);
    assert.equal(fault("cpabe_secret.bin", "demo CP-ABE secret key of a for B\n\u0000"), undefined);
  });

  it("is none if it is what a server says in its place", () => {
    for (const name of ["de.bin", "ore.bin", "cpabe_pub.bin", "cpabe_secret.bin"] as const) {
      assert.equal(fault(name, page), "is an error page (HTML)");
      assert.equal(fault(name, '{"msg":"Not enough segments"}'), "is an error message (JSON)");
      assert.equal(fault(name, "\n"), "is empty");
    }
    assert.equal(fault("ore_params.bin", page), "is an error page (HTML)");
    assert.equal(fault("ore_params.bin", '{"msg":"no"}'), "is not the KMS's number range");
    assert.equal(fault("de.bin", "Bad credentials"), "is not a public key in PEM");
    assert.equal(fault("ore.bin", "Bad credentials"), "is not a key in base64");
    const cut = publicPem().slice(0, 100);
    assert.equal(fault("de.bin", cut), "is not a public key in PEM");
  });
});

describe("npm run module", () => {
  const run = (...args: string[]) =>
    execa(process.execPath, [join(projectRoot, "cli", "main.ts"), "module", ...args], {
      reject: false,
      cwd: projectRoot,
      env: { INIT_CWD: tmpdir() },
    });

  it("looks at the keys in a folder, and names what is none", async (t) => {
    const folder = scratch(t);
    mkdirSync(join(folder, "secrets"));
    const none = await run("--check", folder);
    assert.equal(none.exitCode, 1);
    assert.match(none.stderr, /^error: .*secrets has no keys in it/);
    writeFileSync(join(folder, "secrets", "de.bin"), publicPem());
    writeFileSync(join(folder, "secrets", "ore.bin"), "<html>502</html>");
    const spoilt = await run("--check", folder);
    assert.equal(spoilt.exitCode, 1, spoilt.stderr);
    assert.match(spoilt.stdout, /secrets\/ore\.bin is an error page \(HTML\) and not a key$/m);
    assert.match(spoilt.stdout, /fetches the key again: rm .*secrets\/ore\.bin$/m);
    assert.doesNotMatch(spoilt.stdout, /de\.bin|502/);
    rmSync(join(folder, "secrets", "ore.bin"));
    // Also the folder secrets itself, as collector.sh has it.
    const well = await run("--check", join(folder, "secrets"));
    assert.equal(well.exitCode, 0);
    assert.match(well.stdout, /secrets: de\.bin is a key$/m);
  });

  it("says what is wrong with its words, before it needs anything", async () => {
    for (const [args, message] of [
      [[], "name the user whose module it is, as in cybexp:users; or --check FOLDER"],
      [["alice", "--kind", "door"], '--kind is "door", but must be collector or query'],
      [["alice", "--image", "x; rm"], `--image is "x; rm", which is not an image's name`],
    ] as const) {
      const { stderr, exitCode } = await run(...args);
      assert.equal(stderr, `error: ${message}`);
      assert.equal(exitCode, 1);
    }
  });
});
