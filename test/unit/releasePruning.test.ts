import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { KEPT_RELEASES, releasesToRemove } from "../../render/releasePruning.ts";
import { digestsIn } from "../../programs/release/mountedReleases.ts";

describe("which of a volume's releases are removed", () => {
  const ten = Array.from({ length: 10 }, (_, index) => `r${index}`);

  it("are those that are older than the newest five and unused", () => {
    assert.deepEqual(
      releasesToRemove({ newestFirst: ten, current: "r7", written: "r0", mounted: ["r9"] }),
      ["r5", "r6", "r8"],
    );
  });

  it("are none while there are five or fewer", () => {
    const few = ten.slice(0, KEPT_RELEASES);
    assert.deepEqual(
      releasesToRemove({ newestFirst: few, current: "none", written: "r0", mounted: [] }),
      [],
    );
  });

  it("never include the one just written, even if a clock that was set back makes it look old", () => {
    assert.deepEqual(
      releasesToRemove({ newestFirst: ten, current: "r1", written: "r9", mounted: [] }),
      ["r5", "r6", "r7", "r8"],
    );
  });

  it("never include what runs: any sequence of ups leaves everything that a restart needs", () => {
    const up = fc.record({ config: fc.nat(30), good: fc.boolean() });
    fc.assert(
      fc.property(fc.array(up, { maxLength: 80 }), (ups) => {
        let releases: string[] = [];
        let running: string | undefined;
        for (const { config, good } of ups) {
          const written = `c${config}`;
          releases = [written, ...releases.filter((digest) => digest !== written)];
          const mounted = running === undefined ? [] : [running];
          // `current` is switched by every delivery, also by one whose container then fails.
          const old = releasesToRemove({
            newestFirst: releases,
            current: written,
            written,
            mounted,
          });
          releases = releases.filter((digest) => !old.includes(digest));
          running = good ? written : running;
          assert.ok(
            running === undefined || releases.includes(running),
            "a restart finds its file",
          );
          assert.ok(releases.includes(written));
          assert.ok(releases.length <= KEPT_RELEASES + 2);
        }
      }),
    );
  });
});

describe("the releases that a container mounts", () => {
  const source = (volume: string, rest: string) => ({
    Source: `/var/lib/docker/volumes/${volume}/_data/${rest}`,
  });

  it("are known from the path of each file, for the given volume", () => {
    const mounts = [
      source("cybexp-dev-kms-config", "releases/0123abcd/config.yaml"),
      source("cybexp-dev-backend-config", "releases/ffff/config.yaml"),
      source("cybexp-dev-kms-secrets", ""),
      { Source: "/etc/hosts" },
    ];
    assert.deepEqual(digestsIn(mounts, "cybexp-dev-kms-config"), ["0123abcd"]);
    assert.deepEqual(digestsIn(mounts, "cybexp-dev-kms-secrets"), []);
  });
});
