/** The container rules of the CIS Docker Benchmark: each of them on what keeps to it and what does not. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { audit } from "../../cli/doctor/cis/audit.ts";
import { exceptions } from "../../cli/doctor/cis/exceptions.ts";
import {
  asDeclared,
  type EngineInfo,
  type InspectedContainer,
} from "../../cli/doctor/cis/inspected.ts";
import { renderCisPage } from "../../cli/doctor/cis/page.ts";
import { rules } from "../../cli/doctor/cis/rules.ts";
import { undecided } from "../../cli/doctor/cis/undecided.ts";
import { projectRoot } from "../../machine/paths.ts";
import { declared } from "../../policy/pack/declared.ts";
import { taskArguments } from "../../programs/docker/task.ts";

const engine: EngineInfo = { SecurityOptions: ["name=seccomp,profile=default"] };
const withAppArmor: EngineInfo = { SecurityOptions: ["name=apparmor", "name=seccomp"] };

/** A container that keeps to every rule. */
const compliant: InspectedContainer = {
  Name: "/cybexp-dev-kms",
  AppArmorProfile: "docker-default",
  State: { Status: "running", Health: { Status: "healthy" } },
  Config: {
    User: "65532:65532",
    Labels: { "cybexp.role": "somebody" },
    Healthcheck: { Test: ["CMD", "true"] },
  },
  HostConfig: {
    CapAdd: null,
    CgroupParent: "",
    CpuShares: 0,
    Devices: [],
    IpcMode: "private",
    Memory: 268435456,
    NanoCpus: 1_000_000_000,
    NetworkMode: "bridge",
    PidMode: "",
    PidsLimit: 200,
    PortBindings: { "5000/tcp": [{ HostIp: "127.0.0.1", HostPort: "5012" }] },
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: true,
    RestartPolicy: { Name: "on-failure", MaximumRetryCount: 5 },
    SecurityOpt: ["no-new-privileges"],
    UTSMode: "",
    UsernsMode: "",
  },
  Mounts: [
    { Type: "volume", Source: "/var/lib/docker/volumes/x/_data", Propagation: "" },
    {
      Type: "bind",
      Source: "/var/lib/docker/volumes/y/_data/config.yaml",
      Propagation: "rprivate",
    },
  ],
  NetworkSettings: { Networks: { "cybexp-dev-kms": {}, "cybexp-dev-kms-db": {} } },
};

const config = (change: Partial<InspectedContainer["Config"]>): InspectedContainer => ({
  ...compliant,
  Config: { ...compliant.Config, ...change },
});
const host = (change: Partial<InspectedContainer["HostConfig"]>): InspectedContainer => ({
  ...compliant,
  HostConfig: { ...compliant.HostConfig, ...change },
});
const published = (HostIp: string, HostPort: string) =>
  host({ PortBindings: { "5000/tcp": [{ HostIp, HostPort }] } });
const mounted = (Source: string) => ({ ...compliant, Mounts: [{ Type: "bind", Source }] });
const restarted = (Name: string, MaximumRetryCount = 0) =>
  host({ RestartPolicy: { Name, MaximumRetryCount } });

type Case = [what: string, container: InspectedContainer, engine?: EngineInfo];

const VIOLATIONS: Readonly<Record<string, readonly Case[]>> = {
  "4.1": [
    ["runs as root", config({ User: "" })],
    ["runs as root", config({ User: "0:0" })],
    ["runs as root", config({ User: "root" })],
  ],
  "4.6": [
    ["has no health check", config({ Healthcheck: null })],
    ["has no health check", config({ Healthcheck: { Test: ["NONE"] } })],
  ],
  "5.2": [
    [
      "runs without an AppArmor profile",
      host({ SecurityOpt: ["no-new-privileges", "apparmor=unconfined"] }),
    ],
    ["runs without an AppArmor profile", { ...compliant, AppArmorProfile: "" }, withAppArmor],
    [
      "runs without an AppArmor profile",
      { ...compliant, AppArmorProfile: "unconfined" },
      withAppArmor,
    ],
  ],
  "5.3": [
    [
      "runs without an SELinux label",
      host({ SecurityOpt: ["no-new-privileges", "label:disable"] }),
    ],
  ],
  "5.4": [
    ["has the capabilities SYS_ADMIN", host({ CapAdd: ["CAP_SYS_ADMIN"] })],
    ["has the capabilities NET_ADMIN", host({ CapAdd: ["CHOWN", "NET_ADMIN"] })],
    ["has the capabilities ALL", host({ CapAdd: ["ALL"] })],
  ],
  "5.5": [["is privileged", host({ Privileged: true })]],
  "5.6": [
    ["mounts /etc/ssl of the host", mounted("/etc/ssl")],
    ["mounts / of the host", mounted("/")],
  ],
  "5.8": [["publishes port 443", published("127.0.0.1", "443")]],
  "5.9": [["publishes whatever its image exposes", host({ PublishAllPorts: true })]],
  "5.10": [["shares the host's network namespace", host({ NetworkMode: "host" })]],
  "5.11": [["may use all of the host's memory", host({ Memory: 0 })]],
  "5.12": [["may use all of the host's processors", host({ NanoCpus: 0 })]],
  "5.13": [["can write to its root file system", host({ ReadonlyRootfs: false })]],
  "5.14": [
    ["publishes port 5012 at every address", published("0.0.0.0", "5012")],
    ["publishes port 5012 at every address", published("::", "5012")],
    ["publishes port 5012 at every address", published("", "5012")],
  ],
  "5.15": [
    ["is restarted forever (unless-stopped)", restarted("unless-stopped")],
    ["is restarted forever (always)", restarted("always")],
    ["is restarted forever (on-failure)", restarted("on-failure")],
    ["is restarted forever (on-failure)", restarted("on-failure", 6)],
  ],
  "5.16": [["shares the host's process namespace", host({ PidMode: "host" })]],
  "5.17": [["shares the host's IPC namespace", host({ IpcMode: "host" })]],
  "5.18": [["has devices of the host", host({ Devices: [{ PathOnHost: "/dev/sda" }] })]],
  "5.20": [
    [
      "has a mount that is shared with the host",
      { ...compliant, Mounts: [{ Type: "bind", Source: "/srv", Propagation: "rshared" }] },
    ],
  ],
  "5.21": [["shares the host's UTS namespace", host({ UTSMode: "host" })]],
  "5.22": [
    [
      "runs without a seccomp profile",
      host({ SecurityOpt: ["no-new-privileges", "seccomp=unconfined"] }),
    ],
  ],
  "5.25": [["is in the cgroup /mine", host({ CgroupParent: "/mine" })]],
  "5.26": [
    ["can acquire new privileges", host({ SecurityOpt: null })],
    ["can acquire new privileges", host({ SecurityOpt: ["no-new-privileges=false"] })],
  ],
  "5.27": [["has no health status", { ...compliant, State: { Status: "running" } }]],
  "5.29": [
    ["may start any number of processes", host({ PidsLimit: null })],
    ["may start any number of processes", host({ PidsLimit: -1 })],
  ],
  "5.30": [
    ["is on the default bridge", { ...compliant, NetworkSettings: { Networks: { bridge: {} } } }],
  ],
  "5.31": [["shares the host's user namespace", host({ UsernsMode: "host" })]],
  "5.32": [["has the engine's socket", mounted("/var/run/docker.sock")]],
};

/** What keeps to the rules in another way. */
const COMPLIANT: readonly Case[] = [
  ["as it is", compliant],
  ["under AppArmor's default profile", compliant, withAppArmor],
  [
    "that AppArmor has not been asked about yet",
    {
      ...compliant,
      AppArmorProfile: "",
      State: { Status: "created", Health: { Status: "starting" } },
    },
    withAppArmor,
  ],
  ["with default capabilities", host({ CapAdd: ["CAP_NET_BIND_SERVICE", "CHOWN"] })],
  ["never restarted", restarted("no")],
  ["restarted once", restarted("on-failure", 1)],
  ["with shares of the processors", host({ NanoCpus: 0, CpuShares: 512 })],
  ["with nothing published", host({ PortBindings: null })],
  ["at the first port that is not privileged", published("127.0.0.1", "1024")],
  ["with a folder whose name begins like a sensitive one", mounted("/usrlocal/etc")],
  ["with an image's health check", config({ Healthcheck: { Test: ["CMD-SHELL", "true"] } })],
  ["with new privileges ruled out by name", host({ SecurityOpt: ["no-new-privileges:true"] })],
];

describe("the rules of the CIS Docker Benchmark", () => {
  for (const { id, title } of rules) {
    it(`${id}: ${title}`, () => {
      const cases = VIOLATIONS[id] ?? [];
      assert.notEqual(cases.length, 0, "there is a case");
      for (const [what, container, info = engine] of cases) {
        // One violation is one finding: no other rule takes offence.
        assert.deepEqual(audit([container], info), [
          { rule: id, container: "cybexp-dev-kms", role: "somebody", what },
        ]);
      }
    });
  }

  for (const [what, container, info = engine] of COMPLIANT) {
    it(`find nothing wrong with a container ${what}`, () => {
      assert.deepEqual(audit([container], info), []);
    });
  }

  it("are those of sections 4 and 5, each either decided or said to be undecided", () => {
    const numbers = (section: number, last: number) =>
      Array.from({ length: last }, (_, index) => `${section}.${index + 1}`);
    const ids = [...rules, ...undecided].map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(new Set(ids), new Set([...numbers(4, 12), ...numbers(5, 32)]));
  });
});

describe("a container as the policies see it", () => {
  it("is the same, whether a program declares it or the engine runs it", () => {
    const mount = { Type: "bind", Source: "/srv/files" };
    const { namespaces: running, ...inspected } = asDeclared({ ...compliant, Mounts: [mount] });
    const { namespaces, ...told } = declared({
      user: "65532:65532",
      readOnly: true,
      networkMode: "bridge",
      ipcMode: "private",
      securityOpts: ["no-new-privileges"],
      healthcheck: { tests: ["CMD", "true"] },
      memory: 256,
      restart: "on-failure",
      maxRetryCount: 5,
      mounts: [{ type: "bind", source: "/srv/files" }],
    });
    assert.deepEqual(told, inspected);
    // Each side knows of one that the other has no word for.
    assert.deepEqual({ ...running, ...namespaces }, { ...namespaces, UTS: "" });
    assert.deepEqual({ ...namespaces, ...running }, { ...running, cgroup: "" });
  });
});

describe("the exceptions", () => {
  it("are for rules that exist, once for each role, with a reason", () => {
    const ids = rules.map(({ id }) => id);
    const pairs = exceptions.flatMap(({ rule, roles }) => roles.map((role) => `${rule} ${role}`));
    assert.equal(new Set(pairs).size, pairs.length);
    for (const { rule, reason } of exceptions) {
      assert.ok(ids.includes(rule), rule);
      assert.match(reason, /\.$/);
    }
  });

  const called = (role: string, container: InspectedContainer) => ({
    ...container,
    Config: { ...container.Config, Labels: { "cybexp.role": role } },
  });

  it("apply to the roles that they name, and no others", () => {
    const reasonOf = (role: string) =>
      audit([called(role, published("0.0.0.0", "443"))], engine).map(
        ({ rule, reason }) => `${rule} ${reason === undefined ? "violated" : "accepted"}`,
      );
    assert.deepEqual(reasonOf("proxy"), ["5.8 accepted", "5.14 accepted"]);
    assert.deepEqual(reasonOf("kms"), ["5.8 violated", "5.14 violated"]);
  });

  it("are no wider than they need to be", () => {
    const found = (...CapAdd: string[]) =>
      audit([called("task", host({ CapAdd }))], engine).map(({ reason }) => reason !== undefined);
    assert.deepEqual(found("DAC_READ_SEARCH"), [true]);
    assert.deepEqual(found("DAC_READ_SEARCH", "SYS_ADMIN"), [false]);
  });

  it("do not apply to a container without a label", () => {
    const [finding] = audit(
      [{ ...restarted("always"), Config: { ...compliant.Config, Labels: null } }],
      engine,
    );
    assert.deepEqual(finding, {
      ...{ rule: "5.15", container: "cybexp-dev-kms", role: "" },
      what: "is restarted forever (always)",
    });
  });
});

describe("the page of the rules", () => {
  it("is the committed one", () => {
    assert.equal(readFileSync(join(projectRoot, "docs", "cis.md"), "utf8"), renderCisPage());
  });
});

describe("a task's container", () => {
  const task = {
    ...{ image: "sha256:1", deployment: "d", labels: "cybexp", user: "0:0" },
    ...{ program: "sh", args: ["-c", "true"] },
  };

  it("has no network, can write only to its volume, and has limits", () => {
    assert.deepEqual(taskArguments({ ...task, volumes: ["v:/volume"], capabilities: ["CHOWN"] }), [
      "--network=none",
      "--read-only",
      "--tmpfs=/tmp:size=16m",
      "--user=0:0",
      "--cap-drop=ALL",
      "--cap-add=CHOWN",
      "--security-opt=no-new-privileges",
      "--pids-limit=50",
      "--memory=128m",
      "--cpus=1",
      "--log-driver=none",
      "--label=cybexp.deployment=d",
      "--label=cybexp.role=task",
      "--volume=v:/volume",
      "--entrypoint=sh",
      "sha256:1",
      "-c",
      "true",
    ]);
  });

  it("has its deployment's labels, whatever they begin with", () => {
    const labels = taskArguments({ ...task, labels: "edu.shop" }).filter((a) => /label/.test(a));
    assert.deepEqual(labels, ["--label=edu.shop.deployment=d", "--label=edu.shop.role=task"]);
  });

  it("takes standard input if there is some", () => {
    assert.equal(taskArguments({ ...task, input: new Uint8Array() })[0], "--interactive");
  });

  it("is the only kind that is run", () => {
    const runs = globSync("{programs,machine,stack,cli}/**/*.ts", { cwd: projectRoot }).filter(
      (file) => /\[\s*"(container", ")?run"/.test(readFileSync(join(projectRoot, file), "utf8")),
    );
    assert.deepEqual(runs, [join("programs", "docker", "task.ts")]);
  });
});
