import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { IMAGE } from "../../../names/types.ts";
import type { Rule } from "../../../policy/pack/rule.ts";
import { UNKNOWN } from "../../../policy/pack/unknown.ts";
import { rules } from "../../../policy/rules/all.ts";
import { droppedCapabilities } from "../../../policy/rules/droppedCapabilities.ts";
import { healthCheck } from "../../../policy/rules/healthCheck.ts";
import { isLoopback, loopbackPorts } from "../../../policy/rules/loopbackPorts.ts";
import { memoryLimit } from "../../../policy/rules/memoryLimit.ts";
import { noDockerSocket } from "../../../policy/rules/noDockerSocket.ts";
import { noHostNamespaces } from "../../../policy/rules/noHostNamespaces.ts";
import { noNewPrivileges } from "../../../policy/rules/noNewPrivileges.ts";
import { ordinaryUser } from "../../../policy/rules/ordinaryUser.ts";
import { pinnedImage } from "../../../policy/rules/pinnedImage.ts";
import { readOnlyRoot } from "../../../policy/rules/readOnlyRoot.ts";
import { restartPolicy } from "../../../policy/rules/restartPolicy.ts";
import { secretFreeEnvironment } from "../../../policy/rules/secretFreeEnvironment.ts";
import { container, judge, resource } from "./judge.ts";

type Props = Readonly<Record<string, unknown>>;

/** Each of the changes breaks the rule; what is told starts so. */
function breaks(rule: Rule, ...cases: readonly (readonly [Props, string])[]): void {
  for (const [changes, start] of cases) {
    it(`reports ${JSON.stringify(changes)}`, () => {
      const [told = "", ...more] = judge(rule, [container(changes)]);
      assert.equal(told.slice(0, `web: ${start}`.length), `web: ${start}`);
      assert.deepEqual(more, []);
    });
  }
}

/** None of the changes breaks it. */
function keeps(rule: Rule, ...cases: readonly Props[]): void {
  for (const changes of cases) {
    it(`takes ${JSON.stringify(changes)}`, () => {
      assert.deepEqual(judge(rule, [container(changes)]), []);
    });
  }
}

/** What can't be known yet is not reported. */
function waits(rule: Rule, ...cases: readonly Props[]): void {
  for (const changes of cases) {
    it(`waits for ${Object.keys(changes).join(", ")}`, () => {
      assert.deepEqual(judge(rule, [container(changes)]), []);
    });
  }
}

it("takes a container that does everything right", () => {
  const one = container();
  assert.deepEqual(
    rules.filter((rule) => !("checkStack" in rule)).flatMap((rule) => judge(rule, [one])),
    [],
  );
});

it("ignores exceptions by name or by label, and nothing else", () => {
  const open = container({ readOnly: false }, "open");
  const other = container({ readOnly: false }, "other");
  const left = (exception: object) =>
    judge(readOnlyRoot, [open, other], {
      settings: { exceptions: [{ ...exception, reason: "it is only a test" }] },
    }).map((told) => told.split(":")[0]);
  assert.deepEqual(left({ name: "open" }), ["other"]);
  assert.deepEqual(left({ label: "app.role=open" }), ["other"]);
  assert.deepEqual(left({ name: "open", label: "app.role=other" }), ["open", "other"]);
  assert.deepEqual(left({ label: "app.role=op" }), ["open", "other"]);
  assert.deepEqual(left({}), ["open", "other"]);
});

describe("loopback-ports", () => {
  const published = (ip: unknown) => ({ ports: [{ internal: 5000, external: 5012, ip }] });
  keeps(loopbackPorts, published("127.0.0.1"), published("127.3.2.1"), published("::1"), {
    ports: [],
  });
  breaks(
    loopbackPorts,
    [published("0.0.0.0"), "it publishes its port 5000 to the network, at 0.0.0.0 port 5012: "],
    [published("::"), "it publishes its port 5000 to the network, at :: port 5012: "],
    [published("10.0.0.5"), "it publishes its port 5000 to the network, at 10.0.0.5 "],
    [published("localhost"), "it publishes its port 5000 to the network, at localhost "],
    [
      published(undefined),
      "it publishes its port 5000 to the network, at every address, port 5012: ",
    ],
    [{ publishAllPorts: true }, "it publishes every port of its image"],
  );
  waits(loopbackPorts, published(UNKNOWN), { ports: UNKNOWN }, { ports: [UNKNOWN] });
  it("says so where the port is not known yet", () => {
    const [told = ""] = judge(loopbackPorts, [
      container({ ports: [{ internal: 80, external: UNKNOWN, ip: "0.0.0.0" }] }),
    ]);
    assert.match(told, /at 0\.0\.0\.0 port that is not known yet: /);
  });
  it("tells loopback addresses from those that only look like them", () => {
    const addresses = ["127.0.0.1.example.org", "1::1", "::10", "::", "0::1", "0:0:0:0:0:0:0:1"];
    assert.deepEqual(addresses.filter(isLoopback), ["0::1", "0:0:0:0:0:0:0:1"]);
  });
});

describe("secret-free-environment", () => {
  const key = "-----BEGIN EC PRIVATE KEY-----";
  const env = (...envs: unknown[]) => ({ envs });
  keeps(
    secretFreeEnvironment,
    env("MONGO_INITDB_ROOT_PASSWORD_FILE=/run/secrets/password"),
    env("PASSWORD=", "TOKEN"),
    env("KEYBOARD=us", "COMPASS=north", "MONKEY_BUSINESS=1", "PUBLIC_KEY=abc"),
    env("URL=http://host:80/path", "PROXY=http://user@host/"),
  );
  breaks(
    secretFreeEnvironment,
    [
      env("DB_PASSWORD=hunter2"),
      "its environment variable DB_PASSWORD contains what its name says ",
    ],
    [env("AWS_SECRET_ACCESS_KEY=x"), "its environment variable AWS_SECRET_ACCESS_KEY "],
    [env("PGPASSWORD=x"), "its environment variable PGPASSWORD contains "],
    [env("API_TOKEN=x"), "its environment variable API_TOKEN contains "],
    [env(`TLS=${key}`), "its environment variable TLS contains a private key:"],
    [
      env("DB=mongodb://u:hunter2@db/x"),
      "its environment variable DB contains a URL with a password:",
    ],
    [
      env(`X=eyJhbGciOiJI.eyJzdWIiOiIx.${"a".repeat(20)}`),
      "its environment variable X contains a signed token",
    ],
    [env("X=AKIAABCDEFGHIJKLMNOP"), "its environment variable X contains an access key:"],
  );
  waits(secretFreeEnvironment, env(UNKNOWN), { envs: UNKNOWN });
  it("never tells the value", () => {
    const secret = env("DB_PASSWORD=hunter2", "DB=mongodb://u:hunter2@db/x");
    const told = judge(secretFreeEnvironment, [container(secret)]);
    assert.equal(told.length, 2);
    assert.doesNotMatch(told.join(), /hunter2/);
  });
  it("lets through the variables that its settings allow", () => {
    const settings = { allow: [{ variable: "TOKEN_KIND_TOKEN", reason: "the name of a kind" }] };
    const both = container(env("TOKEN_KIND_TOKEN=jwt", "TOKEN=x"));
    const told = judge(secretFreeEnvironment, [both], { settings });
    assert.deepEqual(
      told.map((one) => one.split(" ")[4]),
      ["TOKEN"],
    );
  });
});

describe("health-check", () => {
  keeps(healthCheck, { healthcheck: { tests: ["CMD-SHELL", "exit 0"] } });
  breaks(
    healthCheck,
    [{ healthcheck: undefined }, "it has no health check"],
    [{ healthcheck: { tests: ["NONE"] } }, "its health check is switched off"],
    [{ healthcheck: { tests: [] } }, "its health check is switched off"],
  );
  waits(
    healthCheck,
    { healthcheck: UNKNOWN },
    { healthcheck: { tests: UNKNOWN } },
    { healthcheck: { tests: [UNKNOWN, "x"] } },
  );
});

describe("dropped-capabilities", () => {
  keeps(droppedCapabilities, { capabilities: { drops: ["all"], adds: [] } });
  breaks(
    droppedCapabilities,
    [{ capabilities: undefined }, "it keeps capabilities"],
    [{ capabilities: { drops: ["NET_RAW"] } }, "it keeps capabilities"],
    [
      { capabilities: { drops: ["ALL"], adds: ["CAP_NET_ADMIN"] } },
      "it adds the capabilities NET_ADMIN",
    ],
  );
  waits(
    droppedCapabilities,
    { capabilities: UNKNOWN },
    { capabilities: { drops: UNKNOWN } },
    { capabilities: { drops: [UNKNOWN] } },
  );
  it("lets a container add what its settings allow", () => {
    const binds = container({ capabilities: { drops: ["ALL"], adds: ["CAP_NET_BIND_SERVICE"] } });
    const settings = { allowed: ["NET_BIND_SERVICE"] };
    assert.deepEqual(judge(droppedCapabilities, [binds], { settings }), []);
    assert.equal(judge(droppedCapabilities, [binds]).length, 1);
  });
});

describe("no-new-privileges", () => {
  keeps(
    noNewPrivileges,
    { securityOpts: ["no-new-privileges:true"] },
    { securityOpts: ["no-new-privileges=true"] },
  );
  breaks(
    noNewPrivileges,
    [{ securityOpts: undefined }, "its processes may gain privileges"],
    [{ securityOpts: ["no-new-privileges:false"] }, "its processes may gain privileges"],
    [
      { securityOpts: ["no-new-privileges", "seccomp=unconfined"] },
      "its confinement is switched off",
    ],
    [
      { securityOpts: ["no-new-privileges", "apparmor:unconfined"] },
      "its confinement is switched off",
    ],
  );
  waits(noNewPrivileges, { securityOpts: UNKNOWN }, { securityOpts: [UNKNOWN] });
});

describe("ordinary-user", () => {
  keeps(ordinaryUser, { user: "www-data" }, { user: "65532:0" });
  breaks(
    ordinaryUser,
    [{ user: undefined }, "it runs as root, or as whoever its image says"],
    [{ user: "root:www" }, "it runs as root"],
    [{ user: "0:1000" }, "it runs as root"],
    [{ user: "00" }, "it runs as root"],
  );
  waits(ordinaryUser, { user: UNKNOWN });
});

describe("no-host-namespaces", () => {
  keeps(noHostNamespaces, { privileged: false, pidMode: "private", networkMode: "none" });
  breaks(
    noHostNamespaces,
    [{ privileged: true }, "it is privileged"],
    [{ networkMode: "host" }, "it is in the host's network namespace"],
    [{ pidMode: "host" }, "it is in the host's process namespace"],
    [{ ipcMode: "host" }, "it is in the host's IPC namespace"],
    [{ usernsMode: "host" }, "it is in the host's user namespace"],
    [{ cgroupnsMode: "host" }, "it is in the host's cgroup namespace"],
  );
  waits(noHostNamespaces, { privileged: UNKNOWN, networkMode: UNKNOWN, pidMode: UNKNOWN });
});

describe("no-docker-socket", () => {
  const bind = (hostPath: unknown) => ({
    volumes: [{ hostPath, containerPath: "/x", readOnly: true }],
  });
  const mount = (source: unknown, type = "bind") => ({ mounts: [{ type, source, target: "/x" }] });
  keeps(
    noDockerSocket,
    bind("/srv/data"),
    bind("/var/lib/docker/volumes/config"),
    bind("/running"),
    mount("/run", "tmpfs"),
    { volumes: [{ volumeName: "run", containerPath: "/run" }] },
  );
  const told = (path: string) => `it mounts ${path}, where the engine's socket is`;
  breaks(
    noDockerSocket,
    ...["/var/run/docker.sock", "/run/docker.sock", "/run", "/run/", "/var/run", "/var", "/"].map(
      (path) => [bind(path), told(path)] as const,
    ),
    [bind("/srv/../run/podman"), told("/srv/../run/podman")],
    [mount("/home/me/docker.sock"), told("/home/me/docker.sock")],
    [mount("/run/containerd"), told("/run/containerd")],
  );
  waits(noDockerSocket, bind(UNKNOWN), mount(UNKNOWN), { volumes: UNKNOWN, mounts: UNKNOWN });
});

describe("read-only-root", () => {
  breaks(
    readOnlyRoot,
    [{ readOnly: undefined }, "its root file system is writable"],
    [{ readOnly: false }, "its root file system is writable"],
  );
  waits(readOnlyRoot, { readOnly: UNKNOWN });
});

describe("memory-limit", () => {
  keeps(memoryLimit, { memory: 16 }, { memory: 64, memorySwap: undefined });
  breaks(
    memoryLimit,
    [{ memory: undefined }, "it has no memory limit"],
    [{ memory: 0 }, "it has no memory limit"],
    [{ memory: 2 }, "its memory limit is 2 MiB: set memory to 16 to 1048576 MiB"],
    [{ memory: 536870912 }, "its memory limit is 536870912 MiB"],
    [{ memorySwap: -1 }, "its memory limit has no end"],
  );
  waits(memoryLimit, { memory: UNKNOWN }, { memorySwap: UNKNOWN });
  it("takes the bounds of its settings", () => {
    const settings = { minimum: 1024, maximum: 2048 };
    const told = (memory: number) =>
      judge(memoryLimit, [container({ memory })], { settings }).length;
    assert.deepEqual([1023, 1024, 2048, 2049].map(told), [1, 0, 0, 1]);
  });
});

describe("restart-policy", () => {
  keeps(restartPolicy, { restart: "always" }, { restart: "on-failure", maxRetryCount: 5 });
  breaks(
    restartPolicy,
    [{ restart: undefined }, 'its restart policy is "no"'],
    [{ restart: "no" }, 'its restart policy is "no"'],
    [{ restart: "on-failure" }, "it may be restarted more than 5 times"],
    [{ restart: "on-failure", maxRetryCount: 6 }, "it may be restarted more than 5 times"],
  );
  waits(restartPolicy, { restart: UNKNOWN }, { restart: "on-failure", maxRetryCount: UNKNOWN });
  it("takes the policies of its settings", () => {
    const settings = { allowed: ["no"] };
    const told = (restart: string) => judge(restartPolicy, [container({ restart })], { settings });
    assert.deepEqual(told("no"), []);
    assert.deepEqual(told("always"), ['web: its restart policy is "always": set restart to no']);
  });
});

describe("pinned-image", () => {
  const pulled = (name: unknown) => resource(IMAGE, "image", { name });
  const digest = `sha256:${"0a".repeat(32)}`;
  keeps(pinnedImage, { image: digest }, { image: `nginx@${digest}` }, { image: "0a".repeat(32) });
  breaks(
    pinnedImage,
    [{ image: "nginx" }, "its image is nginx: name it by its id"],
    [{ image: "host:5000/nginx:1.30" }, "its image is host:5000/nginx:1.30: name it by its id"],
  );
  waits(pinnedImage, { image: UNKNOWN });
  it("also requires a digest for what is pulled", () => {
    assert.deepEqual(judge(pinnedImage, [pulled(`nginx:1.30@${digest}`), pulled(UNKNOWN)]), []);
    assert.deepEqual(judge(pinnedImage, [pulled("host:5000/nginx:1.30")]), [
      "image: host:5000/nginx:1.30 is pulled by tag: name it as host:5000/nginx@sha256:...",
    ]);
  });
  it("allows tags in a stack whose config doesn't ask for strictness", () => {
    const settings = { strictIf: "app:production" };
    const told = (...flags: string[]) =>
      judge(pinnedImage, [pulled("nginx:1")], { settings, flags });
    assert.deepEqual(told(), []);
    assert.equal(told("app:production").length, 1);
  });
});
