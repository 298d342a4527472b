/** What `up` says of a container that it waited for in vain. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Docker } from "../../programs/docker/docker.ts";
import { causes, type UnwellContainer } from "../../programs/docker/causes.ts";
import { withCauses } from "../../stack/unwell.ts";

const running = { Status: "running", ExitCode: 0, OOMKilled: false };
const failed = (Output: string) => ({ ExitCode: 1, Output });

function unwell(state: Partial<UnwellContainer["State"]>, RestartCount = 0): UnwellContainer {
  return { RestartCount, State: { ...running, ...state } };
}

describe("the causes of a container that is not well", () => {
  const cases: [what: string, container: UnwellContainer, log: string, causes: string[]][] = [
    [
      "the last check that failed, and its last words",
      unwell({ Health: { Log: [failed("old"), failed("curl: (7) refused\nadvice")] } }),
      "one\ntwo\n",
      ["its health check says: curl: (7) refused", "its log ends with: two"],
    ],
    [
      "a check whose program is not in the image",
      unwell({
        Health: { Log: [failed('exec: \\"wget\\": executable file not found in $PATH: unknown')] },
      }),
      " * Running on http://172.18.0.2:5000/ (Press CTRL+C to quit)\n",
      [
        "its health check says: the image has no `wget`, which the health check runs",
        "its log ends with: * Running on http://172.18.0.2:5000/ (Press CTRL+C to quit)",
      ],
    ],
    [
      "that it ends again and again",
      unwell({ Status: "restarting", ExitCode: 1, Health: { Log: [failed("refused")] } }, 9),
      "Failed to generate system keys. Exiting.",
      [
        "it keeps ending, 10 times so far (exit code 1)",
        "its log ends with: Failed to generate system keys. Exiting.",
      ],
    ],
    [
      "what its exit code means",
      unwell({ Status: "exited", ExitCode: 127, Health: { Log: null } }),
      "",
      [
        "it ended (exit code 127: its program, or the interpreter that its first line names, is not in the image)",
        "its log ends with: none",
      ],
    ],
    [
      "that it took too much memory",
      unwell({ Status: "restarting", ExitCode: 137, OOMKilled: true }, 1),
      "busy",
      ["it keeps ending, 2 times so far (it exceeded its memory limit)", "its log ends with: busy"],
    ],
    [
      "no secret that it wrote",
      unwell({ Health: { Log: [failed("no way to mongodb://u:p@db/x")] } }),
      "key 0123456789abcdef0123456789abcdef",
      [
        "its health check says: no way to mongodb://(not shown)@db/x",
        "its log ends with: key (not shown)",
      ],
    ],
  ];
  for (const [what, container, log, expected] of cases) {
    it(`are ${what}`, () => assert.deepEqual(causes(container, log), expected));
  }
});

describe("the failures of an update", () => {
  const asked: string[] = [];
  const docker = {
    inspect: (_kind: string, name: string) => {
      asked.push(name);
      return Promise.resolve(name === "gone" ? undefined : unwell({ Status: "exited" }));
    },
    logs: () => Promise.resolve("bye"),
  } as unknown as Docker;

  it("get the causes for containers, and for nothing else", async () => {
    const sentence =
      "kms: container failed to be in healthy state: see `docker logs cybexp-dev-kms`";
    const lost = "proxy: container is not running: see `docker logs gone`";
    const update = {
      ok: false,
      changes: 0,
      failures: [sentence, lost, "smoke: 401: see `docker logs cybexp-dev-kms`"],
      unwell: new Map([
        [sentence, "cybexp-dev-kms"],
        [lost, "gone"],
      ]),
      interrupted: false,
    };
    assert.deepEqual((await withCauses(docker, update)).failures, [
      "kms: container failed to be in healthy state; it ended (exit code 0); its log ends with: bye: see `docker logs cybexp-dev-kms`",
      lost,
      "smoke: 401: see `docker logs cybexp-dev-kms`",
    ]);
    assert.deepEqual(asked, ["cybexp-dev-kms", "gone"]);
  });
});
