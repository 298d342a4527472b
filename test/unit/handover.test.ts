import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Docker, DockerError } from "../../programs/docker/docker.ts";
import {
  Doors,
  type Place,
  planHandover,
  type Situation,
  standInName,
} from "../../programs/replacement/door.ts";
import { PROXY_ENTRYPOINT } from "../../render/proxySignals.ts";
import { lastLine } from "../../programs/docker/oneLine.ts";
import { type ContainerInfo, creation, startStandIn } from "../../programs/replacement/standIn.ts";

describe("what a handover does", () => {
  const plain: Situation = {
    isReplaced: true,
    isHealthy: true,
    isHandedOver: false,
    standIn: { isRight: false, isHealthy: false },
  };
  const right = { isRight: true, isHealthy: true };
  const wrong = { isRight: false, isHealthy: true };
  const broken = { isRight: true, isHealthy: false };
  const cases: [what: string, plan: string, change: Partial<Situation>][] = [
    ["a container that is to be replaced", "anew", {}],
    ["one that is unhealthy, too", "anew", { isHealthy: false }],
    ["a stand-in that is there and the right one", "switch", { standIn: right }],
    [
      "one that serves already: its drain may have been cut off",
      "switch",
      { standIn: right, isHandedOver: true },
    ],
    [
      "the right one, while the container is unhealthy",
      "switch",
      { standIn: right, isHealthy: false },
    ],
    ["a stand-in for another change, not serving", "anew", { standIn: wrong }],
    ["a stand-in for another change, serving", "anew", { standIn: wrong, isHandedOver: true }],
    [
      "the same with nobody else to serve",
      "leave",
      { standIn: wrong, isHandedOver: true, isHealthy: false },
    ],
    ["a stand-in that is broken", "anew", { standIn: broken, isHandedOver: true }],
    [
      "a stand-in that is broken, with nobody else",
      "anew",
      { standIn: broken, isHandedOver: true, isHealthy: false },
    ],
    [
      "a change that was taken back",
      "hand back",
      { isReplaced: false, standIn: wrong, isHandedOver: true },
    ],
    ["the same before the switch", "hand back", { isReplaced: false, standIn: wrong }],
    [
      "the same with nobody else to serve",
      "leave",
      { isReplaced: false, standIn: wrong, isHandedOver: true, isHealthy: false },
    ],
    ["no change and no stand-in", "hand back", { isReplaced: false }],
  ];
  for (const [what, plan, change] of cases) {
    it(`for ${what}: ${plan}`, () => {
      assert.equal(planHandover({ ...plain, ...change }), plan);
    });
  }

  it("never removes what serves while nothing else could", () => {
    const both = [true, false];
    for (const isReplaced of both) {
      for (const isRight of both) {
        const situation = {
          isReplaced,
          isHealthy: false,
          isHandedOver: true,
          standIn: { isRight, isHealthy: true },
        };
        assert.match(planHandover(situation), /^(leave|switch)$/);
      }
    }
  });

  it("names the stand-in after the container that it stands in for", () => {
    assert.equal(standInName({ container: "cybexp-dev-kms" }), "cybexp-dev-kms-handover");
  });
});

const container: ContainerInfo = {
  Id: "0123",
  Image: "sha256:old",
  State: { Running: true, ExitCode: 0 },
  Config: {
    User: "65532:65532",
    Env: ["PYTHONUNBUFFERED=1", "PATH=/bin", "MODE=a b"],
    Entrypoint: null,
    Cmd: ["/usr/bin/python3", "/server.py"],
    Labels: { "cybexp.role": "kms" },
    StopSignal: "SIGINT",
    StopTimeout: 30,
    Healthcheck: { Test: ["CMD", "wget", "http://127.0.0.1:5000/"] },
  },
  HostConfig: {
    ReadonlyRootfs: true,
    Tmpfs: { "/tmp": "rw,noexec,size=16m" },
    CapAdd: null,
    CapDrop: ["ALL"],
    SecurityOpt: ["no-new-privileges"],
    Memory: 536_870_912,
    MemorySwap: 536_870_912,
    NanoCpus: 250_000_000,
    PidsLimit: 200,
    LogConfig: { Type: "json-file", Config: { "max-file": "3" } },
  },
  Mounts: [
    { Type: "volume", Name: "keys", Source: "/var/keys", Destination: "/secrets", RW: true },
    { Type: "bind", Source: "/old/config.yaml", Destination: "/config.yaml", RW: false },
    { Type: "volume", Name: "f".repeat(64), Source: "/var/f", Destination: "/cache", RW: true },
    { Type: "tmpfs", Source: "", Destination: "/tmp", RW: true },
  ],
  NetworkSettings: { Networks: { "cybexp-dev-kms": {}, "cybexp-dev-kms-db": {} } },
};
const changes = {
  name: "cybexp-dev-kms-handover",
  image: "sha256:new",
  labels: { "cybexp.role": "handover", "cybexp.stack": "dev" },
  network: "cybexp-dev-kms",
  host: "kms-handover",
  networks: ["cybexp-dev-kms-db"],
  files: { "/config.yaml": "/new/config.yaml" },
};

describe("a stand-in that fails", () => {
  const missing =
    'OCI runtime exec failed: exec failed: unable to start container process: exec: "wget": executable file not found in $PATH: unknown';

  /** An engine whose container is in a state and fails its check. */
  function start(state: ContainerInfo["State"], log: string) {
    const asked: string[][] = [];
    const docker = {
      inspect: (kind: string) =>
        Promise.resolve(kind === "image" ? { Config: null } : { ...container, State: state }),
      logs: () => Promise.resolve(log),
      run: (args: string[]) => {
        asked.push(args);
        return args[0] === "exec"
          ? Promise.reject(
              new DockerError(args, {
                code: 126,
                stdout: "",
                stderr: missing,
                all: missing,
                timedOut: false,
                bytes: Buffer.alloc(0),
              }),
            )
          : Promise.resolve("new");
      },
    } as unknown as Docker;
    const started = startStandIn(docker, container, changes, ["wget", "http://x/"], -1);
    return { asked, started };
  }

  it("is judged by the new container's check, whose output is shown, and is removed", async () => {
    const { asked, started } = start(
      { Running: true, ExitCode: 0 },
      " * Running on all addresses\n",
    );
    await assert.rejects(started, {
      message:
        "it is not healthy after -1 s; its health check says: the image has no `wget`, which the health check runs; " +
        "its log ends with: * Running on all addresses",
    });
    assert.deepEqual(
      asked.find(([word]) => word === "exec"),
      ["exec", "new", "wget", "http://x/"],
    );
    assert.deepEqual(asked.at(-1), ["container", "rm", "--force", "--volumes", "new"]);
  });

  it("is reported as ended, with the reason, if it has", async () => {
    await assert.rejects(start({ Running: false, ExitCode: 127 }, "sh: no\n").started, {
      message:
        "it ends at once (exit code 127: its program, or the interpreter that its first line names, is not in the image); " +
        "its log ends with: sh: no",
    });
  });
});

describe("creating a stand-in", () => {
  const image = {
    Config: { Env: ["PATH=/bin"], Entrypoint: null, Cmd: ["/usr/bin/python3", "/server.py"] },
  };
  const withConfig = (change: Partial<ContainerInfo["Config"]>): ContainerInfo => ({
    ...container,
    Config: { ...container.Config, ...change },
  });
  /** What comes after the last option. */
  const tail = (args: string[]) => args.slice(args.indexOf("--no-healthcheck") + 1);

  it("keeps everything except ports, host names and what is new", () => {
    assert.deepEqual(creation(container, image, changes), [
      "container",
      "create",
      "--name=cybexp-dev-kms-handover",
      "--hostname=kms-handover",
      "--label=cybexp.role=handover",
      "--label=cybexp.stack=dev",
      "--network=cybexp-dev-kms",
      "--network-alias=kms-handover",
      "--user=65532:65532",
      "--env=PYTHONUNBUFFERED=1",
      "--env=MODE=a b",
      "--mount=type=volume,source=keys,target=/secrets",
      "--mount=type=bind,source=/new/config.yaml,target=/config.yaml,readonly",
      "--read-only",
      "--tmpfs=/tmp:rw,noexec,size=16m",
      "--cap-drop=ALL",
      "--security-opt=no-new-privileges",
      "--memory=536870912",
      "--memory-swap=536870912",
      "--cpus=0.25",
      "--pids-limit=200",
      "--log-driver=json-file",
      "--log-opt=max-file=3",
      "--stop-signal=SIGINT",
      "--stop-timeout=30",
      "--no-healthcheck",
      "sha256:new",
    ]);
  });

  it("takes the command from the new image, unless the container has its own", () => {
    const other = withConfig({ Cmd: ["/server.py", "--verbose"] });
    assert.deepEqual(tail(creation(other, image, changes)), [
      "sha256:new",
      "/server.py",
      "--verbose",
    ]);
  });

  it("keeps an entrypoint of several words, and the command after it", () => {
    const other = withConfig({ Entrypoint: ["python3", "-u"], Cmd: null });
    assert.deepEqual(tail(creation(other, image, changes)), [
      "--entrypoint=python3",
      "sha256:new",
      "-u",
    ]);
    const both = withConfig({ Entrypoint: ["python3"] });
    assert.deepEqual(tail(creation(both, image, changes)), [
      "--entrypoint=python3",
      "sha256:new",
      "/usr/bin/python3",
      "/server.py",
    ]);
  });

  it("treats everything as the container's own if the old image is gone", () => {
    const args = creation(container, { Config: null }, changes);
    assert.ok(args.includes("--env=PATH=/bin"));
    assert.deepEqual(tail(args), ["sha256:new", "/usr/bin/python3", "/server.py"]);
  });
});

describe("the last words of a container", () => {
  const cases: [what: string, log: string, line: string][] = [
    ["the last line that says something", "one\ntwo \n\n  \n", "two"],
    ["nothing", "\n", "none"],
    [
      "a connection string without its password",
      "InvalidURI: mongodb://kms:pa$$@kms-db:27017/KMS_db",
      "InvalidURI: mongodb://(not shown)@kms-db:27017/KMS_db",
    ],
    ["a key", `bad key ${"0123456789abcdef".repeat(4)}!`, "bad key (not shown)!"],
    ["200 characters at most", "word ".repeat(100), "word ".repeat(40)],
  ];
  for (const [what, log, line] of cases) {
    it(`are ${what}`, () => assert.equal(lastLine(log), line));
  }
});

describe("the doors of a service", () => {
  const place: Place = {
    ...{ stack: "dev", deployment: "d", labels: "shop", role: "web", port: 80, statusPort: 81 },
    ...{ container: "shop-dev-web", network: "shop-dev-web", drainSeconds: 1 },
  };
  const ours = { "shop.deployment": "d" };
  const of = (Entrypoint: readonly string[] | null, Labels: object = ours) => ({
    Config: { Entrypoint, Labels },
  });

  /** @param standIns The proxies that send requests to the stand-in. */
  const engine = (
    containers: Record<string, object>,
    standIns: string[] = [],
    dead: string[] = [],
  ) => {
    const calls: string[][] = [];
    const docker = {
      inspect: (_kind: string, name: string) => Promise.resolve(containers[name]),
      run: (args: string[]) => {
        calls.push(args);
        if (args[1] === "ls") {
          return Promise.resolve(Object.keys(containers).join("\n"));
        }
        return dead.includes(args[1] ?? "")
          ? Promise.reject(new DockerError(args, { code: 1, stdout: "", stderr: "gone", ...rest }))
          : Promise.resolve(standIns.includes(args[1] ?? "") ? "stand-in" : "own");
      },
    };
    return { docker: docker as unknown as Docker, calls };
  };
  const rest = { bytes: Buffer.alloc(0), all: "", timedOut: false };
  const two = { people: of(PROXY_ENTRYPOINT), machines: of(PROXY_ENTRYPOINT) };

  it("are those of the proxies in its network, whatever they are called, and of nothing else", async () => {
    const { docker, calls } = engine(
      {
        ...two,
        "shop-dev-web": of(["serve"]),
        plain: of(null),
        other: of(PROXY_ENTRYPOINT, { "cybexp.deployment": "d" }),
      },
      ["other", "plain"],
    );
    const doors = await Doors.of(docker, place);
    assert.deepEqual(calls, [
      [
        ...["container", "ls", "--filter", "network=shop-dev-web"],
        ...["--filter", "label=shop.deployment=d", "--format", "{{.Names}}"],
      ],
    ]);
    assert.equal(await doors.server(), "own");
    assert.deepEqual(
      calls.slice(1).map(([, name]) => name),
      ["people", "machines"],
    );
  });

  it("are handed over as soon as one of them is: its stand-in must not go", async () => {
    for (const one of ["people", "machines"]) {
      const doors = await Doors.of(engine(two, [one]).docker, place);
      assert.equal(await doors.server(), "stand-in");
      assert.equal((await doors.at("own")).isEmpty, false);
      assert.equal(await (await doors.at("own")).server(), "own");
    }
    const both = await Doors.of(engine(two, ["people", "machines"]).docker, place);
    assert.equal((await both.at("own")).isEmpty, true);
  });

  it("say nothing where no proxy runs, and what the others do where one doesn't", async () => {
    assert.equal(await (await Doors.of(engine({}).docker, place)).server(), undefined);
    const dead = (names: string[]) => Doors.of(engine(two, [], names).docker, place);
    assert.equal(await (await dead(["people", "machines"])).server(), undefined);
    assert.equal(await (await dead(["people"])).server(), "own");
  });
});
