/** Debian's Prometheus reads a deployed stack by the examples, and warns of what is made to go wrong. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { projectRoot } from "../../machine/paths.ts";
import { until } from "../integration/acmeStack.ts";
import { call } from "../integration/client.ts";
import { Deployed } from "../integration/deployed/deployed.ts";
import { freePorts, Project } from "../integration/project.ts";
import { docker, startContainer } from "../nginx/docker.ts";
import { WatchingImage } from "../nginx/watching.ts";

const EXAMPLE = join(projectRoot, "examples", "watching", "prometheus");
const DAY_MS = 86_400_000;

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
}

describe("Prometheus with the examples", () => {
  let the: Deployed;
  let image: WatchingImage;
  let copying: ChildProcess | undefined;
  let ports: { proxy: number; requests: number; node: number; prometheus: number };
  const containers: string[] = [];
  const folder = mkdtempSync(join(tmpdir(), "cybexp-test-prometheus-"));
  const textfiles = join(folder, "textfiles");

  before(async () => {
    chmodSync(folder, 0o755);
    mkdirSync(textfiles);
    image = new WatchingImage();
    const [proxy = 0, requests = 0, node = 0, prometheus = 0] = await freePorts(4);
    ports = { proxy, requests, node, prometheus };
    the = new Deployed(await Project.create());
    the.project.configure((config) => {
      config["cybexp:throwaway"] = false;
      Object.assign(config["cybexp:proxy"] as object, { metrics: `127.0.0.1:${proxy}` });
    });
    await the.up();

    // As the unit does it.
    const log = openSync(join(folder, "proxy.log"), "a");
    copying = spawn("docker", ["logs", "--follow", `cybexp-${the.project.stack}-proxy`], {
      stdio: ["ignore", log, "ignore"],
    });
    // The examples, with this test's ports and less patience: minutes become seconds.
    mkdirSync(join(folder, "prometheus"));
    const write = (name: string, change: (text: string) => string) =>
      writeFileSync(
        join(folder, "prometheus", name),
        change(readFileSync(join(EXAMPLE, name), "utf8")),
      );
    write("prometheus.yml", (text) =>
      text
        .replace("127.0.0.1:9113", `127.0.0.1:${proxy}`)
        .replace("127.0.0.1:9114", `127.0.0.1:${requests}`)
        .replace("127.0.0.1:9100", `127.0.0.1:${node}`)
        .replaceAll("interval: 30s", "interval: 1s"),
    );
    write("cybexp.rules.yml", (text) => text.replaceAll(/for: (\d+)[mh]$/gm, "for: $1s"));
    const start = (...command: string[]) =>
      containers.push(
        startContainer([
          ...["--network=host", "--user=0:0", `--volume=${folder}:/test`],
          ...image.run(folder),
          ...command,
        ]),
      );
    start(
      ...["mtail", "--progs", "/etc/mtail", "--logs", "/var/log/cybexp/proxy.log"],
      ...["--address", "127.0.0.1", "--port", String(requests)],
      ...["--emit_prog_label=false", "--logtostderr"],
    );
    start(
      "prometheus-node-exporter",
      ...["--collector.disable-defaults", "--collector.textfile"],
      ...["--collector.textfile.directory=/test/textfiles"],
      `--web.listen-address=127.0.0.1:${node}`,
    );
    start(
      ...["prometheus", "--config.file=/test/prometheus/prometheus.yml"],
      ...["--storage.tsdb.path=/tmp/prometheus"],
      `--web.listen-address=127.0.0.1:${prometheus}`,
    );
  });
  after(async () => {
    copying?.kill();
    containers.forEach((id) => docker(["rm", "--force", id]));
    await the.project.remove();
    image.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  async function ask<T>(path: string): Promise<T> {
    const answer = await fetch(`http://127.0.0.1:${ports.prometheus}/api/v1/${path}`);
    return ((await answer.json()) as { data: T }).data;
  }
  const query = async (expression: string) =>
    (
      await ask<{ result: { metric: Record<string, string>; value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(expression)}`,
      )
    ).result;
  const firing = async () =>
    (await ask<{ alerts: Alert[] }>("alerts")).alerts
      .filter(({ state }) => state === "firing")
      .map(({ labels, annotations }) => `${labels["alertname"]}: ${annotations["summary"]}`)
      .sort();
  const untilFires = (name: string) =>
    until(`${name} fires`, async () => (await firing()).find((text) => text.startsWith(name)), 120);
  const untilCalm = () =>
    until("no alert", async () => (await firing()).length === 0 || undefined, 120);

  const guess = (password: string) =>
    call(`${the.url("kms")}/`, {
      ...{ ca: the.outputs.serverCa, credential: { user: "collector", password } },
    });
  async function lookWithDoctor(): Promise<void> {
    const { code, output } = await the.npm("doctor", "--metrics", join(textfiles, "cybexp.prom"));
    assert.equal(code, 0, output);
  }

  it("has all that the alerts and the dashboard ask for, and no alert", async () => {
    const set = ["config", "set", "--secret", "--path", "cybexp:backup.passphrase"];
    const { project } = the;
    const done = await project.feed(
      "twenty letters or more of it",
      ...(["pulumi", ...set, "--stack", project.stack] as const),
    );
    assert.equal(done.code, 0, done.output);
    const backup = await the.npm("backup");
    assert.equal(backup.code, 0, backup.output);
    await lookWithDoctor();
    const answer = await guess((the.user("collector") as { password: string }).password);
    assert.equal(answer.status, 200);

    const isUp = async () => {
      const found = await query("up").catch(() => []);
      return (found.length === 3 && found.every(({ value }) => value[1] === "1")) || undefined;
    };
    await until("all three are up", isUp);
    for (const name of [
      "cybexp_certificate_not_after_timestamp_seconds",
      "cybexp_served_certificate_not_after_timestamp_seconds",
      'cybexp_requests_total{door="kms",status="200",user="collector"}',
      'cybexp_refusals_total{cause="no password"}',
      "cybexp_request_seconds_bucket",
      "cybexp_received_bytes_total",
      "cybexp_sent_bytes_total",
      "cybexp_log_unknown_lines_total",
      'cybexp_doctor_findings{level="error"} == 0',
      "cybexp_doctor_last_run_timestamp_seconds",
      "cybexp_backup_newest_timestamp_seconds > 0",
      "cybexp_backup_warn_seconds",
    ]) {
      await until(name, async () => (await query(name)).length > 0 || undefined);
    }
    const { groups } = await ask<{ groups: { rules: { health: string; name: string }[] }[] }>(
      "rules",
    );
    assert.deepEqual(
      groups.flatMap(({ rules }) => rules).filter(({ health }) => health !== "ok"),
      [],
    );
    await untilCalm();
  });

  it("warns of somebody who guesses passwords", async () => {
    // More than ten a minute, on the average of ten minutes.
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 40 }, () => guess("wrong")));
    }
    assert.match(
      await untilFires("CybexpWrongPasswords"),
      /^CybexpWrongPasswords: [\d.]+ wrong passwords a minute at the door kms$/,
    );
  });

  it("warns of a backup that is too old, until there is a new one", async () => {
    const backups = join(the.project.dir, ".cybexp", "backups");
    const [name = assert.fail("no backup")] = readdirSync(backups);
    const stamp = new Date(Date.now() - 3 * DAY_MS).toISOString().replace(/[-:]|\.\d+/g, "");
    renameSync(join(backups, name), join(backups, name.replace(/\d{8}T\d{6}Z/, stamp)));
    await lookWithDoctor();
    assert.equal(
      await untilFires("CybexpBackupTooOld"),
      `CybexpBackupTooOld: The newest backup of ${the.project.stack} is too old, or there is none`,
    );
    const backup = await the.npm("backup");
    assert.equal(backup.code, 0, backup.output);
    await lookWithDoctor();
    await until("it is over", async () => {
      const all = await firing();
      return !all.some((text) => text.startsWith("CybexpBackupTooOld")) || undefined;
    });
  });

  it("warns of a certificate that ends soon", async () => {
    the.project.configure((config) => {
      config["cybexp:certificates"] = { validityDays: 10, renewBeforeDays: 3 };
      config["cybexp:rotation"] = { serverCertificate: 2 };
    });
    await the.up();
    assert.match(
      await untilFires("CybexpCertificateEndsSoon"),
      /^CybexpCertificateEndsSoon: The certificate proxy ends in 9d 23h /,
    );
  });

  it("warns when the proxy's metrics are away", async () => {
    docker(["stop", `cybexp-${the.project.stack}-proxy`]);
    assert.equal(
      await untilFires("CybexpMetricsAway"),
      `CybexpMetricsAway: Prometheus does not reach cybexp-proxy at 127.0.0.1:${ports.proxy}`,
    );
    docker(["start", `cybexp-${the.project.stack}-proxy`]);
  });
});
