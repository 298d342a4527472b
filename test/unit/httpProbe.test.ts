/** The commands by which a container's HTTP server is asked, run here with what each image would have. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { healthPrograms, httpBody, httpHealthCheck, httpStatus } from "../../render/httpProbe.ts";

/** As in every image with a shell. */
const ALWAYS = ["sh", "sed", "cat", "timeout"];

const folders: string[] = [];

/** A folder with those programs of this machine alone, to be the PATH. */
function pathWith(...programs: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-probe-"));
  folders.push(folder);
  for (const program of [...ALWAYS, ...programs]) {
    const found = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/bin"]
      .filter((entry) => !entry.includes("shims"))
      .map((entry) => join(entry, program))
      .find((file) => existsSync(file));
    assert.ok(found, `${program} is not on this machine`);
    symlinkSync(found, join(folder, program));
  }
  return folder;
}

function run([program = "", ...args]: readonly string[], path: string) {
  // A proxy that is not there: whoever asks it gets nothing.
  const env = { PATH: path, http_proxy: "http://127.0.0.1:9", all_proxy: "http://127.0.0.1:9" };
  return execa(program, args, { env, extendEnv: false, reject: false });
}

let server: Server;
let port = 0;
let asked: string[] = [];
before(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? "");
    const [, status = "200"] = /^\/(\d{3})/.exec(request.url ?? "") ?? [];
    response.writeHead(Number(status)).end(status === "204" ? "" : `body of ${request.url}\nend\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as AddressInfo).port;
});
after(() => {
  server.close();
  for (const folder of folders) {
    rmSync(folder, { recursive: true });
  }
});

const means = ["curl", "wget", "bash", "python3"];

describe("the health check over HTTP", () => {
  for (const program of means) {
    it(`passes below 400, fails above and says why, with ${program} alone`, async () => {
      const path = pathWith(program);
      for (const good of ["/", "/204"]) {
        asked = [];
        const { exitCode, all, stdout, stderr } = await run(httpHealthCheck(port, good), path);
        assert.deepEqual([exitCode, stdout, stderr], [0, "", ""], all);
        assert.deepEqual(asked, [good]);
      }
      const bad = await run(httpHealthCheck(port, "/502"), path);
      assert.ok(bad.failed);
      assert.match(bad.stderr, program === "wget" ? /no good answer/ : /502/);
    });

    it(`fails and says why if nobody listens, with ${program} alone`, async () => {
      const closed = createServer();
      await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
      const { port: nobody } = closed.address() as AddressInfo;
      await new Promise((resolve) => closed.close(resolve));
      const result = await run(httpHealthCheck(nobody), pathWith(program));
      assert.ok(result.failed);
      assert.match(result.stderr, /connect|refused|no good answer/i);
    });
  }

  it("gives up after 4 s on a server that accepts connections but sends nothing", async () => {
    const silent = createTcpServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port: mute } = silent.address() as AddressInfo;
    try {
      await Promise.all(
        means.map(async (program) => {
          const start = performance.now();
          const result = await run(httpHealthCheck(mute), pathWith(program));
          const seconds = (performance.now() - start) / 1000;
          assert.ok(result.failed, program);
          assert.notEqual(result.stderr, "", program);
          // Docker gives up after 5 s, and would not let it say why.
          assert.ok(seconds > 3.5 && seconds < 4.9, `${program}: ${seconds} s`);
        }),
      );
    } finally {
      silent.close();
    }
  });

  it("says so if the image has no program for it", async () => {
    const { exitCode, stderr } = await run(httpHealthCheck(port), pathWith());
    assert.equal(exitCode, 1);
    assert.equal(stderr, "the image has neither curl nor wget, bash or python3 to ask with");
  });

  it("tells what its image must have, as any other check does", () => {
    assert.deepEqual(healthPrograms(httpHealthCheck(5000)), [["sh"], means]);
    assert.deepEqual(healthPrograms(["pg_isready", "-q"]), [["pg_isready"]]);
    assert.deepEqual(healthPrograms([]), []);
  });

  it("takes no path that a shell would read", () => {
    assert.throws(() => httpHealthCheck(5000, "/$(id)"), RangeError);
    assert.throws(() => httpHealthCheck(5000, "up"), RangeError);
  });
});

describe("a question over HTTP", () => {
  const question = (path: string) => ({ host: "127.0.0.1", port, path, seconds: 2 });
  for (const program of ["curl", "wget", "bash"]) {
    it(`is answered with the status, whichever it is, with ${program} alone`, async () => {
      const path = pathWith(program);
      for (const status of ["204", "409", "502"]) {
        asked = [];
        const url = `/${status}?upstream=kms-handover:5000`;
        const { exitCode, stdout } = await run(httpStatus(question(url)), path);
        assert.deepEqual([exitCode, stdout, asked], [0, status, [url]]);
      }
      const nobody = await run(httpStatus({ ...question("/"), port: 1 }), path);
      assert.ok(nobody.failed);
    });

    it(`is answered with the body of a 200 and no other, with ${program} alone`, async () => {
      const path = pathWith(program);
      const { exitCode, stdout } = await run(httpBody(question("/release")), path);
      assert.deepEqual([exitCode, stdout], [0, "body of /release\nend"]);
      const other = await run(httpBody(question("/404")), path);
      assert.ok(other.failed);
      assert.equal(other.stdout, "");
    });
  }
});
