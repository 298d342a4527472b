/**
 * Modules that run elsewhere: folders that `npm run module` writes, used with the commands of their README.
 * Then the documented order of turning protection on, played with modules that run without it. The tests
 * depend on their order.
 */
import assert from "node:assert/strict";
import { execa } from "execa";
import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, dockerOutput, freePorts, Project } from "./project.ts";

/** A name that no DNS has, so that a container must be told its address. */
const NAME = "modules.test";

/** Has an account at the KMS, made by `up`, whose key opens what the demo's policies seal. */
const ANALYST = { name: "analyst", attributes: ["default"] };

describe("modules elsewhere", () => {
  let project: Project;
  /** An address of this machine that containers reach, too. */
  let address: string;
  let container: (suffix: string) => string;
  before(async () => {
    project = await Project.create();
    address = docker("network", "inspect", "bridge", "--format={{(index .IPAM.Config 0).Gateway}}");
    project.env = { CYBEXP_REHEARSAL_HOSTS: JSON.stringify({ [NAME]: address }) };
    container = (suffix) => `cybexp-${project.stack}-test-${suffix}`;
    project.configure((config) => {
      Object.assign(config["cybexp:proxy"] as object, { serverName: NAME, address });
      config["cybexp:users"] = [{ name: "collector" }, ANALYST, { name: "admin" }];
    });
    const up = await project.npm("up");
    assert.equal(up.code, 0, up.output);
  });
  after(async () => {
    for (const id of docker("ps", "--all", "--quiet", `--filter=name=${container("")}`).split(
      "\n",
    )) {
      if (id !== "") {
        docker("rm", "--force", "--volumes", id);
      }
    }
    await project.remove();
  });

  const folder = (name: string) => join(project.dir, "there", name);

  async function write(name: string, ...more: string[]): Promise<string> {
    const { code, output } = await project.npm("module", name, "--to", folder(name), ...more);
    assert.equal(code, 0, output);
    return output;
  }

  /** The command of a README that follows a line, with a name and a port of the test's own. */
  function pasted(name: string, after: string, own: { suffix: string; port?: number }): string {
    const readme = readFileSync(join(folder(name), "README.txt"), "utf8");
    const [, command] = new RegExp(`^${after}\\n\\n((?:  .*\\n)+)`, "m").exec(readme) ?? [];
    assert.ok(command, `${after} is in ${readme}`);
    return command
      .replace(/--name=\S+/, `--name=${container(own.suffix)}`)
      .replace("--publish=127.0.0.1:6000:", `--publish=127.0.0.1:${own.port ?? 0}:`);
  }

  const shell = (command: string, cwd: string) =>
    execa("sh", ["-c", command], { cwd, reject: false, all: true });

  const ready = (name: string, times = 1) =>
    until(
      () => dockerOutput("logs", name).split("Ready, waiting").length > times,
      () => dockerOutput("logs", name),
    );

  /** How many records with this address there are, as the analyst's query module says. */
  async function count(ipv4: string): Promise<number> {
    const run = await shell(`./run.sh ${ipv4} --query-type count`, folder("analyst"));
    assert.equal(run.exitCode, 0, run.all);
    const output = readFileSync(join(folder("analyst"), "output"), "utf8");
    return Number(/^Count: (\d+)$/m.exec(output)?.[1]);
  }

  const runsOf = (name: string) => docker("inspect", "--format={{.State.StartedAt}}", name);

  describe("npm run module", () => {
    let port: number;
    before(async () => ([port = 0] = await freePorts(1)));

    it("writes a folder whose command starts a collector", async () => {
      const output = await write("collector");
      assert.match(output, /collector has all that a collector needs to run as collector/);
      assert.equal(statSync(folder("collector")).mode & 0o777, 0o700);
      assert.deepEqual(readdirSync(folder("collector")).sort(), [
        ...[".module.json", "README.txt", "bin", "ca.pem", "config.yaml", "run.sh", "secrets"],
      ]);
      const command = pasted("collector", "Start it in the background:", { suffix: "one", port });
      assert.match(command, new RegExp(`--add-host=${NAME}:${address} `));
      const started = await shell(command, folder("collector"));
      assert.equal(started.exitCode, 0, started.all);
      await ready(container("one"));
      for (const ipv4 of ["192.0.2.1", "192.0.2.1", "192.0.2.2"]) {
        await send(port, { ipv4, host: "a" });
      }
    });

    it("writes another whose command asks for the records", async () => {
      await write("analyst", "--kind", "query");
      await until(async () => (await count("192.0.2.1")) === 2);
      const run = await shell("./run.sh 192.0.2.2", folder("analyst"));
      assert.equal(run.exitCode, 0, run.all);
      const output = () => readFileSync(join(folder("analyst"), "output"), "utf8");
      assert.deepEqual(JSON.parse(output()), { ipv4: "192.0.2.2", host: "a" });
      const command = pasted("analyst", "Without the script:", { suffix: "query" });
      const plain = await shell(command.replace("192.0.2.1", "192.0.2.2"), folder("analyst"));
      assert.equal(plain.exitCode, 0, plain.all);
      assert.equal(output(), "Count: 1\n");
    });

    it("makes CYBEX-P's own scripts trust the proxy and find it", async () => {
      // The line of query.sh, word for word.
      const own = join(folder("analyst"), "own.sh");
      const words = [
        "CONT_ID=$($DOCKER run -d -v `realpath $CONFIG_FILE`:/config.yaml:ro -v $FULL_PATH/secrets:/secrets/ -it $IMAGE_NAME $other_args)",
        "$DOCKER logs -f $CONT_ID",
        "$DOCKER cp $CONT_ID:/output `realpath $OUTPUT_FILE` > /dev/null 2>&1",
        "$DOCKER rm $CONT_ID",
      ];
      const variables = `DOCKER=docker CONFIG_FILE=config.yaml FULL_PATH=$PWD/own IMAGE_NAME=cybexp-demo/query:1 OUTPUT_FILE=own-output`;
      writeFileSync(
        own,
        [
          "#!/usr/bin/env bash",
          ...variables.split(" "),
          'other_args="$1 --query-type search"',
          ...words,
        ].join("\n"),
      );
      const run = await shell('PATH="$PWD/bin:$PATH" bash own.sh 192.0.2.2', folder("analyst"));
      assert.equal(run.exitCode, 0, run.all);
      const output = readFileSync(join(folder("analyst"), "own-output"), "utf8");
      assert.deepEqual(JSON.parse(output), { ipv4: "192.0.2.2", host: "a" });
    });

    it("refreshes a folder after a rotation, and a restart is enough", async () => {
      const config = () => readFileSync(join(folder("collector"), "config.yaml"), "utf8");
      const changed = config().replace('match: "ipv4"', 'match: "ipv4"\n      - match: "host"');
      writeFileSync(join(folder("collector"), "config.yaml"), changed);
      project.configure((stack) => {
        const rotation = { kmsJwtKey: 2 };
        stack["cybexp:rotation"] = rotation;
        stack["cybexp:users"] = [{ name: "collector", generation: 2 }, ANALYST, { name: "admin" }];
      });
      const up = await project.npm("up");
      assert.equal(up.code, 0, up.output);
      await write("collector");
      await write("analyst", "--kind", "query");
      assert.match(config(), /match: "host"$/m);
      assert.notEqual(config(), changed);
      const before = runsOf(container("one"));
      docker("restart", container("one"));
      assert.notEqual(runsOf(container("one")), before);
      await ready(container("one"), 2);
      await send(port, { ipv4: "192.0.2.2", host: "b" });
      await until(async () => (await count("192.0.2.2")) === 2);
      // What the operator added to the policy is in force.
      assert.equal(await count("b"), 1);
    });

    it("stops a collector without losing what it has in hand", async () => {
      // Accepted, and not yet whole.
      const sockets = Array.from({ length: 5 }, () => connect(port, "127.0.0.1"));
      for (const socket of sockets) {
        socket.write('{"ipv4":');
      }
      await sleep(3000);
      const stopped = execa("docker", ["stop", container("one")]);
      // Once before, at the restart.
      await until(() => dockerOutput("logs", container("one")).split("Exiting: ").length > 2);
      for (const socket of sockets) {
        socket.end('"192.0.2.3"}');
      }
      await stopped;
      const state = docker("inspect", "--format={{.State.ExitCode}}", container("one"));
      assert.equal(state, "0");
      assert.equal(await count("192.0.2.3"), 5);
    });

    it("names keys that are none, and the module's script doesn't start with them", async () => {
      const keys = join(folder("analyst"), "secrets");
      const right = readFileSync(join(keys, "de.bin"));
      writeFileSync(join(keys, "de.bin"), "<html><h1>401 Authorization Required</h1></html>");
      const again = await write("analyst", "--kind", "query");
      assert.match(again, /secrets\/de\.bin is an error page \(HTML\) and not a key$/m);
      const run = await shell("./run.sh 192.0.2.2", folder("analyst"));
      assert.equal(run.exitCode, 1);
      assert.match(run.all, /stored as one: secrets\/de\.bin$/m);
      const check = await project.npm("module", "--check", folder("analyst"));
      assert.equal(check.code, 1, check.output);
      rmSync(join(keys, "de.bin"));
      assert.equal(await count("192.0.2.2"), 2);
      assert.deepEqual(readFileSync(join(keys, "de.bin")), right);
      assert.equal((await project.npm("module", "--check", folder("analyst"))).code, 0);
    });

    it("says what is in the way in one sentence", async () => {
      const missing = await project.npm("module", "analist", "--to", folder("analist"));
      assert.equal(missing.code, 1);
      assert.match(missing.output, /has no user "analist" \(did you mean analyst\?\)/);
      const taken = await project.npm("module", "admin", "--to", folder("analyst"));
      assert.match(taken.output, /there\/analyst is the query of analyst of the stack it-/);
      assert.equal(taken.code, 1);

      // The record of the last run, as one that failed leaves it.
      const history = join(project.dir, ".cybexp", "state", ".pulumi", "history");
      const last = readdirSync(history, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".history.json") && name.includes(project.stack))
        .sort()
        .at(-1);
      assert.ok(last);
      const file = join(history, last);
      const right = readFileSync(file, "utf8");
      assert.match(right, /"result":"succeeded"/);
      writeFileSync(file, right.replace('"result":"succeeded"', '"result":"failed"'));
      const stale = await project.npm("module", "collector", "--to", folder("collector"));
      writeFileSync(file, right);
      assert.equal(stale.code, 1);
      assert.match(
        stale.output,
        new RegExp(
          `^error: the last run of ${project.stack} did not finish, so the passwords that it knows may be old ones: run \`STACK=${project.stack} npm run up\` first$`,
          "m",
        ),
      );
    });
  });

  describe("turning protection on", () => {
    let oldKms: number;
    let oldBackend: number;
    let ingest: readonly number[];
    before(async () => {
      const [kms = 0, backend = 0, ...others] = await freePorts(4);
      [oldKms, oldBackend, ingest] = [kms, backend, others];
    });

    /** A folder with a config as modules without protection have it. */
    function unprotected(name: string, like: string): string {
      const target = folder(name);
      mkdirSync(join(target, "secrets"), { recursive: true, mode: 0o700 });
      const config = readFileSync(join(folder(like), "config.yaml"), "utf8")
        .replace(/^basic_auth:\n.*\n.*\n/m, "")
        .replace(/^( {2}url: ).*:(\d+)"$/gm, (_, key: string, port: string) => {
          const old = Number(port) === project.ports.kms ? oldKms : oldBackend;
          return `${key}"http://${address}:${old}"`;
        });
      assert.doesNotMatch(config, /https|basic_auth/);
      writeFileSync(join(target, "config.yaml"), config, { mode: 0o600 });
      return target;
    }

    const plain = (target: string) => [
      // As CYBEX-P's own images run.
      "--user=0:0",
      `--volume=${target}/config.yaml:/config.yaml:ro`,
      `--volume=${target}/secrets:/secrets`,
    ];

    it("keeps the old way open, to the same services", async () => {
      // From the page, with this test's addresses.
      const page = readFileSync(join(project.dir, "docs", "protection.md"), "utf8");
      const [, text = ""] = /```nginx\n([^]*?)```/.exec(page) ?? [];
      const addresses: Readonly<Record<string, string>> = {
        "192.168.1.101:5002": `${address}:${oldKms}`,
        "192.168.1.101:5001": `${address}:${oldBackend}`,
        "127.0.0.1:5012": `127.0.0.1:${project.ports.kmsBind}`,
        "127.0.0.1:5011": `127.0.0.1:${project.ports.backendBind}`,
      };
      const config = Object.entries(addresses).reduce((config, [from, to]) => {
        assert.ok(config.includes(from), from);
        return config.replace(from, to);
      }, text);
      writeFileSync(join(project.dir, "old-way.conf"), config);
      const [, command = ""] =
        /```sh\n(docker run --detach --name=old-way [^]*?)```/.exec(page) ?? [];
      const started = await shell(
        command
          .replace("--name=old-way", `--name=${container("old-way")}`)
          .replace("nginx:1.30.4", "cybexp-demo/nginx:1"),
        project.dir,
      );
      assert.equal(started.exitCode, 0, started.all);
      const answers = () => fetch(`http://${address}:${oldKms}/`).then(({ ok }) => ok);
      await until(() => answers().catch(() => false));

      const target = unprotected("old-collector", "collector");
      docker(
        ...["run", "--detach", `--name=${container("old")}`, ...plain(target)],
        ...[`--publish=127.0.0.1:${ingest[0]}:8080`, "cybexp-demo/collector:1"],
      );
      await ready(container("old"));
      assert.match(dockerOutput("logs", container("old")), /Basic auth: disabled/);
    });

    it("switches a collector and a query module, and loses no record", async () => {
      const run = randomBytes(3).toString("hex");
      let target = ingest[0] ?? 0;
      let going = true;
      let sent = 0;
      const sending = (async () => {
        while (going) {
          await send(target, { ipv4: run, host: String(sent++) });
          await sleep(5);
        }
      })();
      const sentBy = async (count: number) => {
        const wanted = sent + count;
        await until(() => sent >= wanted);
      };
      await sentBy(50);

      // A query module without protection finds them, and one with it does, too.
      const old = unprotected("old-analyst", "analyst");
      docker(
        ...["run", "--rm", ...plain(old)],
        ...["cybexp-demo/query:1", run, "--query-type", "count"],
      );
      assert.ok((await count(run)) > 0);

      // The new collector beside the old one, then the senders, then the end of the old one.
      await write("collector");
      const command = pasted("collector", "Start it in the background:", {
        suffix: "new",
        port: ingest[1] ?? 0,
      });
      const started = await shell(command, folder("collector"));
      assert.equal(started.exitCode, 0, started.all);
      await ready(container("new"));
      target = ingest[1] ?? 0;
      await sentBy(50);
      docker("kill", "--signal=INT", container("old"));
      assert.equal(docker("wait", container("old")), "0");
      await sentBy(50);
      going = false;
      await sending;
      await until(
        async () => (await count(run)) === sent,
        () => `${sent} were sent`,
      );
      // Each once.
      const all = await shell(`./run.sh ${run}`, folder("analyst"));
      assert.equal(all.exitCode, 0, all.all);
      const hosts = readFileSync(join(folder("analyst"), "output"), "utf8")
        .trim()
        .split("\n")
        .map((line) => Number((JSON.parse(line) as { host: string }).host));
      assert.deepEqual(
        hosts.sort((a, b) => a - b),
        Array.from({ length: sent }, (_, index) => index),
      );
    });

    it("shows who still uses the old way, and is done when it is closed", async () => {
      const since = new Date().toISOString();
      assert.equal(dockerOutput("logs", "--since", since, container("old-way")).trim(), "");
      // A module that was forgotten shows up, with where it calls from.
      const target = folder("old-analyst");
      const forgotten = () =>
        execa("docker", ["run", "--rm", ...plain(target), "cybexp-demo/query:1", "192.0.2.2"], {
          reject: false,
          all: true,
        });
      assert.equal((await forgotten()).exitCode, 0);
      const log = dockerOutput("logs", "--since", since, container("old-way"));
      assert.match(log, /^\S+ [0-9.]+ POST \/query 200$/m);
      assert.doesNotMatch(log, /Bearer|eyJ/);

      docker("rm", "--force", container("old-way"));
      assert.notEqual((await forgotten()).exitCode, 0);
      assert.equal(await count("192.0.2.2"), 2);
      // Without a password there is no way in.
      const answer = await execa(
        "curl",
        [
          ...["--silent", "--output", "/dev/null", "--write-out", "%{http_code}"],
          ...["--cacert", join(folder("analyst"), "ca.pem")],
          ...["--resolve", `${NAME}:${project.ports.backend}:${address}`],
          `https://${NAME}:${project.ports.backend}/query`,
        ],
        { reject: false },
      );
      assert.equal(answer.stdout, "401");
    });
  });
});

/** One record, as a collector's client sends it: there is no answer. */
function send(port: number, record: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", reject).on("close", () => resolve());
    socket.end(JSON.stringify(record));
    socket.resume();
  });
}

/** Waits until the test holds, at most 30 s. */
async function until(
  test: () => boolean | Promise<boolean>,
  more: () => string = () => "",
): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await test())) {
    assert.ok(performance.now() < end, `waited in vain: ${test.toString()} ${more()}`);
    await sleep(100);
  }
}
