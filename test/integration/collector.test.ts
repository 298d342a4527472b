/** A collector in a real stack: no record that it has taken is lost, whatever an `up` changes. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, Project } from "./project.ts";
import { judge, keptIn, Shippers, storedIn, untilStored } from "./shippers.ts";

const PORT = 16_000 + (process.pid % 1000);
const OTHER_PORT = PORT + 1000;

let project: Project;
before(async () => {
  project = await Project.create();
  project.configure((config) => {
    config["cybexp:collector"] = [collector];
  });
});
after(async () => {
  await project.remove();
  docker("image", "rm", "--force", unlike());
});

const collector = {
  image: process.env["CYBEXP_TEST_COLLECTOR_IMAGE"] ?? "cybexp-demo/collector:1",
  user: "collector",
  bind: `127.0.0.1:${PORT}`,
  policy: { default: { abe_pol: "research" }, index: { exact: [{ match: "id" }] } },
};

const unlike = () => `cybexp-test/${project.stack}-collector:unlike`;

/** The demo's, as another hand would pack it: root's, elsewhere, started by a script, with signals of its own. */
const UNLIKE = `FROM cybexp-demo/collector:1
USER 0:0
RUN mv /collector /srv/app && ln -s /config.yaml /srv/app/config.yaml && chown -R 1001:1001 /srv/app \\
 && chmod 0700 /secrets && echo decoy > /secrets/decoy \\
 && printf '#!/bin/sh\\ncd /srv/app && exec /usr/bin/python3 -u collector.py "$@"\\n' > /usr/local/bin/collect \\
 && chmod 0755 /usr/local/bin/collect
VOLUME /secrets
WORKDIR /
STOPSIGNAL SIGQUIT
ENTRYPOINT ["/usr/local/bin/collect"]
CMD []`;

async function up(): Promise<void> {
  const result = await project.npm("up");
  assert.equal(result.code, 0, result.output);
}

async function untilHealthy(container: string): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; await sleep(500)) {
    if (docker("inspect", "--format={{.State.Health.Status}}", container) === "healthy") {
      return;
    }
  }
  assert.fail(`${container} is not healthy after two minutes`);
}

const nameOf = (part: string) => `cybexp-${project.stack}-${part}`;
const idOf = (part: string) => docker("inspect", "--format={{.Id}}", nameOf(part));

describe("a collector", { timeout: 1_800_000 }, () => {
  it("is up with the stack, and stores what it takes", async () => {
    await up();
    const shippers = new Shippers(PORT, "first", 20).start(3, "waits");
    await sleep(3000);
    await shippers.stop();
    assert.equal(shippers.failed, 0);
    assert.ok(shippers.taken.length > 10, String(shippers.taken.length));
    assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
  });

  it("keeps its secrets out of what `docker inspect` shows, and listens on loopback only", async () => {
    const outputs = (await project.outputs()) as { users: { collector: { password: string } } };
    const shown = ["collector", "collector-gate", "collector-door"].map((part) =>
      docker("inspect", nameOf(part)),
    );
    assert.ok(shown.every((text) => !text.includes(outputs.users.collector.password)));
    const ports = docker(
      "inspect",
      "--format={{json .HostConfig.PortBindings}}",
      nameOf("collector-door"),
    );
    assert.deepEqual(JSON.parse(ports), {
      "6000/tcp": [{ HostIp: "127.0.0.1", HostPort: String(PORT) }],
    });
  });

  it("is among what the doctor looks at, with an error page for a key", async () => {
    const own = nameOf("collector");
    const told = async () => {
      const { stdout } = await project.npm("doctor", "--json");
      const { findings } = JSON.parse(stdout) as { findings: Record<string, string>[] };
      return findings.flatMap(({ level, check, text }) =>
        check === "collector" ? [{ level, text }] : [],
      );
    };
    const good = {
      level: "ok",
      text: `${own} takes records at 127.0.0.1:${PORT}, and has none in hand`,
    };
    assert.deepEqual(await told(), [good]);
    docker("exec", own, "sh", "-c", "echo '<html>Bad Gateway</html>' > /secrets/de.bin");
    const [found, ...more] = await told();
    assert.deepEqual(more, []);
    assert.equal(found?.level, "error");
    const [, remedy = ""] =
      /de\.bin is an error page \(HTML\).*: `(docker exec [^`]*)`/.exec(found.text ?? "") ??
      assert.fail(found.text);
    execFileSync("sh", ["-c", remedy], { stdio: "pipe" });
    await untilHealthy(own);
    assert.deepEqual(await told(), [good]);
  });

  it("loses no record when password, token, proxy and number of threads change in one `up`", async () => {
    const before = { own: idOf("collector"), proxy: idOf("proxy"), door: idOf("collector-door") };
    project.configure((config) => {
      config["cybexp:users"] = [{ name: "collector", generation: 2 }, { name: "analyst" }];
      config["cybexp:rotation"] = { kmsJwtKey: 2 };
      Object.assign(config["cybexp:proxy"] as object, { resources: { cpus: 0.7 } });
      config["cybexp:collector"] = [{ ...collector, config: { enc_worker_threads: 7 } }];
    });
    const shippers = new Shippers(PORT, "second", 200).start(2, "closes").start(2, "waits");
    await up();
    await shippers.stop();
    await untilStored(project.stack, 120);
    assert.equal(shippers.failed, 0);
    assert.notEqual(idOf("collector"), before.own);
    assert.notEqual(idOf("proxy"), before.proxy);
    assert.equal(idOf("collector-door"), before.door);
    assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
  });

  it("loses no record when its image becomes one with another user, folder and start, and back", async () => {
    execFileSync("docker", ["build", "--quiet", `--tag=${unlike()}`, "-"], {
      input: UNLIKE,
      stdio: ["pipe", "ignore", "pipe"],
      env: { ...process.env, DOCKER_BUILDKIT: "0" },
    });
    const config = { enc_worker_threads: 7 };
    for (const [tag, image] of [
      ["unlike", unlike()],
      ["like", collector.image],
    ] as const) {
      const before = { own: idOf("collector"), door: idOf("collector-door") };
      project.configure((all) => (all["cybexp:collector"] = [{ ...collector, image, config }]));
      const shippers = new Shippers(PORT, tag, 100).start(2, "closes").start(2, "waits");
      await up();
      await shippers.stop();
      await untilStored(project.stack, 120);
      assert.equal(shippers.failed, 0);
      assert.notEqual(idOf("collector"), before.own);
      assert.equal(idOf("collector-door"), before.door);
      assert.ok(shippers.taken.length > 100, String(shippers.taken.length));
      assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
    }
  });

  it("goes on as before when its new image does not start, and says so", async () => {
    const own = idOf("collector");
    const before = project.readConfig();
    project.configure((config) => {
      // It has Python, and finds none of its own keys in a collector's config.yaml.
      config["cybexp:collector"] = [{ ...collector, image: "cybexp-demo/backend:1" }];
    });
    const shippers = new Shippers(PORT, "third", 100).start(2, "waits");
    const result = await project.npm("up");
    await shippers.stop();
    project.writeConfig(before);
    assert.notEqual(result.code, 0);
    assert.match(
      result.output,
      /collector does not start with its new image or configuration, so the old one goes on: it ends at once/,
    );
    assert.equal(idOf("collector"), own);
    assert.equal(shippers.failed, 0);
    await untilStored(project.stack, 120);
    assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
  });

  it("loses no record when it moves to another port", async () => {
    project.configure((config) => {
      config["cybexp:collector"] = [{ ...collector, bind: `127.0.0.1:${OTHER_PORT}` }];
    });
    // These wait for the end of each connection: they know what was taken.
    const shippers = new Shippers(PORT, "moved", 100).start(3, "waits");
    await up();
    await shippers.stop();
    assert.ok(shippers.failed > 0, "its old port closed");
    const others = new Shippers(OTHER_PORT, "after", 50).start(1, "waits");
    await sleep(1000);
    await others.stop();
    assert.equal(others.failed, 0);
    await untilStored(project.stack, 120);
    const taken = [...shippers.taken, ...others.taken];
    assert.ok(others.taken.length > 0);
    assert.deepEqual(judge(taken, storedIn(project.stack)), { lost: [], twice: [] });
  });

  it("stores what it has taken before it is removed", async () => {
    project.configure((config) => {
      delete config["cybexp:collector"];
    });
    const shippers = new Shippers(OTHER_PORT, "last", 100).start(3, "waits");
    await up();
    await shippers.stop();
    assert.ok(shippers.failed > 0, "its port closed");
    assert.deepEqual(
      project.leftovers().filter((name) => name.includes("collector")),
      [],
    );
    assert.deepEqual(judge(shippers.taken, storedIn(project.stack)), { lost: [], twice: [] });
  });

  it("stores what it has taken before the whole stack goes", async () => {
    project.configure((config) => {
      config["cybexp:throwaway"] = false; // so that its records are kept
      config["cybexp:collector"] = [collector];
    });
    await up();
    const shippers = new Shippers(PORT, "down", 50).start(4, "waits");
    await sleep(2000);
    const { code, output } = await project.npm("down", "--yes");
    await shippers.stop();
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /records? left after/);
    assert.ok(shippers.taken.length > 10, String(shippers.taken.length));
    const kept = keptIn(nameOf("backend-db-data"));
    assert.deepEqual(judge(shippers.taken, kept), { lost: [], twice: [] });
  });
});
