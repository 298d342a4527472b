/** How backups go to another place, with rclone itself and stores on this machine: S3, and WebDAV without checksums. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { aptInstall } from "../../machine/engine/apt.ts";
import { copyOffsite, type Offsite, requireRemote } from "../../stack/backup/offsite.ts";
import { startS3, type S3 } from "../toolchain/s3.ts";
import { freePorts } from "./project.ts";

const KEY = "AKIAEXAMPLEEXAMPLE00";
const SECRET = "not-a-secret-of-anybody-0123456789";
const NOW = new Date("2026-11-28T12:00:00Z");

const folder = mkdtempSync(join(tmpdir(), "cybexp-rclone-"));
const nameOf = (day: number) => `prod-202611${day}T030000Z.tar.age`;
const file = (day: number) => join(folder, nameOf(day));

/** What rclone finds in its environment. @returns what puts the old values back */
function setEnvironment(values: Readonly<Record<string, string | undefined>>): () => void {
  const old = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]));
  const set = (all: typeof values) => {
    for (const [name, value] of Object.entries(all)) {
      if (value === undefined) {
        delete process.env[name];
      } else {
        process.env[name] = value;
      }
    }
  };
  set(values);
  return () => set(old);
}

/** Passes everything on to a server, and may change one bit of what is stored there. */
class Line {
  damages = false;
  readonly #server: Server;

  constructor(port: number) {
    this.#server = createServer((incoming, response) => {
      const { method, url, headers } = incoming;
      const outgoing = request(
        { host: "127.0.0.1", port, method, path: url, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      let isFirst = this.damages && method === "PUT";
      incoming.on("data", (chunk: Buffer) => {
        if (isFirst && chunk.length > 0) {
          chunk[0] = (chunk[0] ?? 0) ^ 1;
          isFirst = false;
        }
        outgoing.write(chunk);
      });
      incoming.on("end", () => outgoing.end());
    });
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe("a copy elsewhere, by rclone", () => {
  let restore: () => void;
  before(async () => {
    const { failed } = await execa("rclone", ["version"], { reject: false });
    if (failed) {
      await aptInstall(["rclone"], "these tests run it");
    }
    restore = setEnvironment({ RCLONE_CONFIG: join(folder, "none"), AWS_CA_BUNDLE: undefined });
    for (const day of [25, 26, 27, 28]) {
      writeFileSync(file(day), randomBytes(200_000));
    }
  });
  after(() => {
    restore();
    rmSync(folder, { recursive: true });
  });

  describe("at a store that speaks S3", () => {
    const offsite: Offsite = { remote: "off:bucket/cybexp", stack: "prod", keep: { last: 2 } };
    let s3: S3;
    let line: Line;
    let back: () => void;
    const there = () => [...s3.objects.keys()].sort();

    before(async () => {
      s3 = await startS3({ key: KEY });
      line = new Line(Number(s3.address.split(":")[1]));
      back = setEnvironment({
        RCLONE_CONFIG_OFF_TYPE: "s3",
        RCLONE_CONFIG_OFF_PROVIDER: "Other",
        RCLONE_CONFIG_OFF_LIST_VERSION: "2",
        RCLONE_CONFIG_OFF_ENDPOINT: `http://127.0.0.1:${await line.listen()}`,
        RCLONE_CONFIG_OFF_ACCESS_KEY_ID: KEY,
        RCLONE_CONFIG_OFF_SECRET_ACCESS_KEY: SECRET,
      });
    });
    after(() => {
      back();
      line.close();
      s3.close();
    });

    it("is the file that was sent, and takes the place of what is not kept", async () => {
      await requireRemote(offsite);
      for (const day of [25, 26]) {
        assert.deepEqual(await copyOffsite(file(day), offsite, NOW), []);
      }
      s3.objects.set("bucket/cybexp/prod-eu-20260101T030000Z.tar.age", Buffer.from("another's"));
      s3.objects.set("bucket/cybexp/notes.txt", Buffer.from("the operator's"));
      assert.deepEqual(await copyOffsite(file(27), offsite, NOW), [nameOf(25)]);
      assert.deepEqual(
        there(),
        ["notes.txt", "prod-eu-20260101T030000Z.tar.age", ...[26, 27].map(nameOf)]
          .map((name) => `bucket/cybexp/${name}`)
          .sort(),
      );
      assert.deepEqual(s3.objects.get(`bucket/cybexp/${nameOf(27)}`), readFileSync(file(27)));
      assert.deepEqual([...s3.signers], [KEY]);
    });

    it("that was damaged on its way is noticed, and no older one is removed", async () => {
      const old = there();
      line.damages = true;
      await assert.rejects(copyOffsite(file(28), offsite, NOW), {
        name: "UserError",
        message: /^rclone (copyto|check): .*(corrupted on transfer|differences found|BadDigest)/,
      });
      line.damages = false;
      const left = there().filter((name) => !name.endsWith(nameOf(28)));
      assert.deepEqual(left, old);
    });

    it("is refused with wrong credentials, in a sentence without them", async () => {
      const again = setEnvironment({ RCLONE_CONFIG_OFF_ACCESS_KEY_ID: "AKIAWRONGWRONGWRONG0" });
      await assert.rejects(requireRemote(offsite), ({ name, message }: Error) => {
        assert.equal(name, "UserError");
        assert.match(
          message,
          /^off:bucket\/cybexp refuses rclone's credentials \(.*InvalidAccessKeyId: There is no such access key\., status code: 403\): correct them with `rclone config`, or RCLONE_CONFIG_OFF_\* in the environment$/,
        );
        assert.ok(!message.includes("AKIAWRONG") && !message.includes(SECRET), message);
        return true;
      });
      again();
    });

    it("needs a remote that rclone knows", async () => {
      await assert.rejects(requireRemote({ ...offsite, remote: "nowhere:bucket" }), {
        message:
          "rclone knows no remote nowhere: make it with `rclone config`, or set RCLONE_CONFIG_NOWHERE_* in the environment",
      });
    });
  });

  describe("at a store that tells no checksums", () => {
    const offsite: Offsite = { remote: "dav:backups", stack: "prod", keep: { last: 1 } };
    const store = join(folder, "store");
    let server: ChildProcess;
    let line: Line;
    let back: () => void;

    before(async () => {
      mkdirSync(store);
      const [port = 0] = await freePorts(1);
      const login = ["--user=backup", "--pass=right"];
      server = spawn("rclone", ["serve", "webdav", store, `--addr=127.0.0.1:${port}`, ...login], {
        stdio: "ignore",
      });
      line = new Line(port);
      const { stdout } = await execa("rclone", ["obscure", "right"]);
      back = setEnvironment({
        RCLONE_CONFIG_DAV_TYPE: "webdav",
        RCLONE_CONFIG_DAV_VENDOR: "other",
        RCLONE_CONFIG_DAV_URL: `http://127.0.0.1:${await line.listen()}`,
        RCLONE_CONFIG_DAV_USER: "backup",
        RCLONE_CONFIG_DAV_PASS: stdout,
      });
      for (let tries = 0; tries < 100; tries++) {
        const answer = await fetch(`http://127.0.0.1:${port}/`).catch(() => undefined);
        if (answer?.status === 401) {
          return;
        }
        await sleep(100);
      }
      assert.fail("the WebDAV server did not start");
    });
    after(async () => {
      back();
      line.close();
      const end = new Promise((resolve) => server.once("exit", resolve));
      server.kill();
      await end;
    });

    it("is compared byte by byte", async () => {
      await requireRemote(offsite);
      assert.deepEqual(await copyOffsite(file(25), offsite, NOW), []);
      assert.deepEqual(await copyOffsite(file(26), offsite, NOW), [nameOf(25)]);
      line.damages = true;
      await assert.rejects(copyOffsite(file(27), offsite, NOW), {
        message: "rclone check: 1 differences found",
      });
      line.damages = false;
      const there = readdirSync(join(store, "backups"));
      assert.ok(there.includes(nameOf(26)) && existsSync(file(26)));
    });

    it("is refused with a wrong password", async () => {
      const { stdout } = await execa("rclone", ["obscure", "wrong"]);
      const again = setEnvironment({ RCLONE_CONFIG_DAV_PASS: stdout });
      await assert.rejects(requireRemote(offsite), {
        message:
          /^dav:backups refuses rclone's credentials \(.*401 Unauthorized\): correct them with `rclone config`/,
      });
      again();
    });
  });
});
