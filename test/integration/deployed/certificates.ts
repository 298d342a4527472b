import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { daysLeft, spelled } from "../../../render/certificateEnds.ts";
import { freePorts } from "../project.ts";
import { type Deployed, ROLES, run } from "./deployed.ts";
import { assertNothingToChange } from "./unchanged.ts";

interface Resource {
  readonly type: string;
  readonly urn: string;
  readonly outputs?: Record<string, unknown>;
}

const endOf = (pem: string) => spelled(new Date(new X509Certificate(pem).validTo));

export function certificates(the: () => Deployed): void {
  /** Edits the state, as if time had gone by. */
  const inState = async (edit: (resources: readonly Resource[]) => void) => {
    const exported = await the().project.pulumi("stack", "export");
    assert.equal(exported.code, 0, exported.output);
    const state = JSON.parse(exported.stdout) as { deployment: { resources: Resource[] } };
    edit(state.deployment.resources);
    const file = join(the().project.dir, "state.json");
    writeFileSync(file, JSON.stringify(state), { mode: 0o600 });
    const imported = await the().project.pulumi("stack", "import", "--file", file);
    rmSync(file);
    assert.equal(imported.code, 0, imported.output);
  };

  const assertDays = () => {
    const now = new Date();
    for (const { notAfter = "", days = NaN } of Object.values(the().outputs.certificates)) {
      // The day may have ended since the `up` counted.
      assert.ok([0, 1].includes(days - daysLeft(notAfter, now)), `${days} days to ${notAfter}`);
    }
  };

  it("are all in an output, with their ends and the days that are left", () => {
    const { certificates: shown, serverCa, clientCa, clients } = the().outputs;
    const ofClients = Object.entries(clients).map(([name, { certificate }]) => [
      `client/${name}-1`,
      endOf(certificate),
    ]);
    const expected = Object.fromEntries([
      ["server-ca-1", endOf(serverCa)],
      ["client-ca-1", endOf(clientCa)],
      ["client-ca-1-crl", endOf(clientCa)],
      ...ofClients,
    ]) as Record<string, string>;
    const { proxy, ...others } = shown;
    assert.deepEqual(
      Object.fromEntries(Object.entries(others).map(([name, { notAfter }]) => [name, notAfter])),
      expected,
    );
    assert.equal(proxy?.kind, "server");
    assert.ok(Object.values(shown).every(({ source }) => source === "generated"));
    assertDays();
  });

  it("change nothing by a day that goes by", async () => {
    const before = the().outputs.certificates["proxy"]?.days ?? 0;
    await inState((resources) => {
      const stack = resources.find(({ type }) => type === "pulumi:pulumi:Stack");
      const shown = stack?.outputs?.["certificates"] as Record<string, { days: number }>;
      for (const one of Object.values(shown)) {
        one.days += 10;
      }
    });
    await the().load();
    assert.equal(the().outputs.certificates["proxy"]?.days, before + 10);
    const preview = await the().npm("preview", "--expect-no-changes");
    assert.equal(preview.code, 0, preview.output);
    assert.doesNotMatch(preview.output, /days|certificates/);
    await assertNothingToChange(the());
    const { output } = await the().up();
    assert.match(output, /Nothing changed/);
    assertDays();
  });

  it("are told by the doctor when they end soon, and given to node_exporter", async () => {
    const file = join(the().project.dir, "cybexp.prom");
    const well = await the().npm("doctor", "--metrics", file);
    assert.equal(well.code, 0, well.output);
    assert.match(well.output, /✔ certificates +none expires soon; the first is proxy, on \d{4}-/);
    const text = readFileSync(file, "utf8");
    const { stack, ports } = the().project;
    const seconds = Date.parse(the().outputs.certificates["proxy"]?.notAfter ?? "") / 1000;
    const lines = [
      `cybexp_certificate_not_after_timestamp_seconds{certificate="proxy",kind="server",stack="${stack}"} ${seconds}`,
      ...[ports.kms, ports.backend].map(
        (port) =>
          `cybexp_served_certificate_not_after_timestamp_seconds{certificate="proxy",listener="localhost:${port}",stack="${stack}"} ${seconds}`,
      ),
    ];
    for (const line of lines) {
      assert.ok(text.split("\n").includes(line), `${line} is in ${text}`);
    }
    assert.equal(statSync(file).mode & 0o777, 0o644);
    assert.deepEqual(
      readdirSync(the().project.dir).filter((name) => name.startsWith("cybexp.prom")),
      ["cybexp.prom"],
    );
    rmSync(file);

    let times: Record<string, unknown> | undefined;
    const setTimes = (edited: Record<string, unknown>) =>
      inState((resources) => {
        const one = resources.find(({ urn }) => urn.endsWith("Cert::server-certificate"));
        assert.ok(one?.outputs);
        const { validityStartTime, validityEndTime } = one.outputs;
        times ??= { validityStartTime, validityEndTime };
        Object.assign(one.outputs, edited);
      });
    const days = (number: number) => spelled(new Date(Date.now() + number * 86_400_000));
    try {
      await setTimes({ validityStartTime: days(-80), validityEndTime: days(5) });
      const soon = await the().npm("doctor");
      assert.equal(soon.code, 0, soon.output);
      assert.match(
        soon.output,
        /! certificates +the certificate of the proxy expires on .* renews it$/m,
      );
      await setTimes({ validityEndTime: days(-1) });
      const late = await the().npm("doctor");
      assert.equal(late.code, 1, late.output);
      assert.match(late.output, /✖ certificates +the certificate of the proxy expired on /);
    } finally {
      await setTimes(times ?? {});
    }
    await assertNothingToChange(the());
  });

  it("are read by Prometheus where the config says so, on loopback alone", async () => {
    const config = the().project.readConfig();
    const others = () =>
      ROLES.filter((role) => role !== "proxy").map((role) => run(the().containers()[role]));
    const before = others();
    const [port = 0] = await freePorts(1);
    try {
      the().project.configure((changed) => {
        Object.assign(changed["cybexp:proxy"] as object, { metrics: `127.0.0.1:${port}` });
      });
      const preview = await the().npm("preview");
      assert.equal(preview.code, 0, preview.output);
      assert.match(
        preview.output,
        new RegExp(`proxy at 127\\.0\\.0\\.1:${port}: from the Docker host only`),
      );
      await the().up();
      const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
      const samples = [
        ...(await answer.text()).matchAll(/^(\w+)\{certificate="([^"]+)",.* (\d+)$/gm),
      ];
      assert.deepEqual(
        Object.fromEntries(samples.map(([, , name = "", at]) => [name, Number(at)])),
        Object.fromEntries(
          Object.entries(the().outputs.certificates).map(([name, { notAfter = "" }]) => [
            name,
            Date.parse(notAfter) / 1000,
          ]),
        ),
      );
      assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 404);
      const outside = Object.values(networkInterfaces())
        .flatMap((list) => list ?? [])
        .filter(({ internal, family }) => !internal && family === "IPv4");
      for (const { address } of outside) {
        await assert.rejects(fetch(`http://${address}:${port}/metrics`), address);
      }
      await assertNothingToChange(the());
      const doctor = await the().npm("doctor");
      assert.equal(doctor.code, 0, doctor.output);
      assert.match(doctor.output, /✔ open ports /);
    } finally {
      the().project.writeConfig(config);
    }
    await the().up();
    assert.deepEqual(others(), before);
    await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`));
  });
}
