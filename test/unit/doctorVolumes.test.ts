/** What the doctor says of volumes on disks of their own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lookAtVolumes, volumeFindings } from "../../cli/doctor/volumes.ts";
import { Docker } from "../../programs/docker/docker.ts";

const GIB = 1024 ** 3;
const room = (free: number, size: number) => ({ free: free * GIB, size: size * GIB });
const engine = room(0.5, 100);
const told = (free: number, size: number) =>
  volumeFindings([{ volume: "kms-db-data", room: room(free, size) }], engine).map(
    ({ level, text }) => `${level}: ${text}`,
  );

describe("the disk of a volume", () => {
  it("is left to the check of the engine's if it is the same", () => {
    const volumes = [{ volume: "kms-db-data", room: room(0.52, 100) }];
    assert.deepEqual(volumeFindings(volumes, engine), []);
    assert.equal(volumeFindings(volumes, undefined).length, 1);
  });

  it("is not reported while there is room, on a small one, too", () => {
    assert.deepEqual(told(60, 1000), []);
    assert.deepEqual(told(0.3, 2), []);
  });

  it("is reported when it fills up, and is a fault when it is all but full", () => {
    const on = "on the disk of the volume kms-db-data: what is full takes no more writes, so";
    assert.deepEqual(told(40, 1000), [
      `note: only 4 % (40960 MiB) are free ${on} make that disk larger or free some space before that`,
    ]);
    assert.deepEqual(told(0.15, 2), [
      `note: only 7 % (153 MiB) are free ${on} make that disk larger or free some space before that`,
    ]);
    assert.deepEqual(told(0.05, 2), [
      `fault: only 2 % (51 MiB) are free ${on} make that disk larger or free some space now`,
    ]);
    assert.deepEqual(told(0.9, 1000), [
      `fault: only 0 % (921 MiB) are free ${on} make that disk larger or free some space now`,
    ]);
  });

  it("is asked for in the container that has the volume if the engine is on another machine", async () => {
    const asked: string[] = [];
    const answers: readonly (readonly [RegExp, string])[] = [
      [/^info/, "/var/lib/docker\n"],
      [
        /^container inspect kms-db$/,
        JSON.stringify([
          {
            Name: "/kms-db",
            Mounts: [
              { Type: "volume", Name: "data", Source: "/v/data", Destination: "/data/db" },
              { Type: "tmpfs", Source: "", Destination: "/tmp" },
            ],
          },
        ]),
      ],
      [/^exec cybexp-prod-proxy df -Pk \/$/, df(100_000_000, 50_000_000)],
      [/^exec kms-db df -Pk \/data\/db$/, df(2_000_000, 20_000)],
    ];
    const docker = Object.assign(new Docker(), {
      run: (args: readonly string[]) => {
        const line = args.join(" ");
        asked.push(line);
        const found = answers.find(([question]) => question.test(line));
        return found ? Promise.resolve(found[1]) : Promise.reject(new Error(line));
      },
    });
    const session = {
      docker,
      stack: "prod",
      engine: { host: undefined, local: false, version: "28.0.0" },
    };
    const [finding, ...more] = await lookAtVolumes(session, ["kms-db"]);
    assert.deepEqual(more, [], asked.join("\n"));
    assert.equal(finding?.level, "fault");
    assert.match(finding.text, /^only 1 % \(19 MiB\) are free on the disk of the volume data: /);
  });
});

const df = (size: number, free: number) =>
  `Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/sdb1 ${size} ${size - free} ${free} 99% /data\n`;
