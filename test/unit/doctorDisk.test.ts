/** What the doctor says of the engine's disk. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { diskFindings, parseDf, roomOf } from "../../cli/doctor/disk.ts";
import { Docker, DockerError } from "../../programs/docker/docker.ts";

const GIB = 1024 ** 3;
const room = (free: number, size = 100) => ({ free: free * GIB, size: size * GIB });

describe("the engine's disk", () => {
  it("is not reported while there is room, or if it is unknown", () => {
    assert.deepEqual(diskFindings(room(5), 4096), []);
    assert.deepEqual(diskFindings(room(50), undefined), []);
    assert.deepEqual(diskFindings(undefined, 4096), []);
  });

  it("is a fault if next to nothing is left", () => {
    assert.deepEqual(diskFindings({ free: 100 * 1024 ** 2, size: GIB }, 4096), [
      {
        level: "fault",
        about: "disk",
        text: "only 100 MiB are free where the engine keeps its volumes: free some space, or records will be refused",
      },
    ]);
  });

  it("is a warning while it fills up, and if the proxy may need more than is left", () => {
    const told = (free: number, size: number, bodies?: number) =>
      diskFindings(room(free, size), bodies).map(({ level, text }) => `${level}: ${text}`);
    assert.deepEqual(told(4.5, 100, 8192), [
      "note: only 4 % (4608 MiB) are free where the engine keeps its volumes: free some space (`docker system df` shows what uses it) before records are refused",
    ]);
    assert.deepEqual(told(6, 40, 8192), [
      "note: the proxy may use 8192 MiB for request bodies, but only 6144 MiB are free where the engine keeps its volumes: free some space (`docker system df` shows what uses it), or lower cybexp:proxy.resources.bodies",
    ]);
  });

  it("is read from the proxy's container if it is on another machine", async () => {
    const df = [
      "Filesystem     1024-blocks     Used Available Capacity Mounted on",
      "overlay          264212084 19851344  75649920      21% /",
    ].join("\n");
    assert.deepEqual(parseDf(df), { size: 264212084 * 1024, free: 75649920 * 1024 });
    assert.equal(parseDf("df: not found"), undefined);

    const asked: (readonly string[])[] = [];
    const engine = { host: undefined, local: false, version: "28.0.0" };
    const docker = (answer: () => Promise<string>) =>
      Object.assign(new Docker(), {
        run: (args: readonly string[]) => {
          asked.push(args);
          return answer();
        },
      });
    const look = (answer: () => Promise<string>) =>
      roomOf({ docker: docker(answer), engine, stack: "prod" }, "/nowhere");
    assert.equal((await look(() => Promise.resolve(df)))?.free, 75649920 * 1024);
    assert.deepEqual(asked, [["exec", "cybexp-prod-proxy", "df", "-Pk", "/"]]);
    const none = new DockerError(["exec"], {
      ...{ code: 1, stdout: "", stderr: "No such container", all: "", bytes: Buffer.alloc(0) },
      timedOut: false,
    });
    assert.equal(await look(() => Promise.reject(none)), undefined);
  });
});
