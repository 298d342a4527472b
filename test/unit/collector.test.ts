/** What a collector is told, what its door and gate are told, and what the kernel tells of its connections. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { collectorDoorPart, collectorPart, isCollectorName } from "../../names/docker.ts";
import { doorFiles, gateFiles, recordPort } from "../../render/collectorDoor.ts";
import { renderModuleConfig } from "../../render/moduleConfig.ts";
import { useOfPort } from "../../render/tcpTable.ts";
import { parseCollectorName, parsePolicy } from "../../settings/collector.ts";
import { Fault } from "../../settings/fault.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";

const POLICY = { default: { abe_pol: "research" }, index: { exact: [{ match: "ipv4" }] } };

function read(collector: unknown, more: Record<string, unknown> = {}) {
  return readSettings({
    stack: "dev",
    secretKeys: new Set(),
    values: {
      kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 },
      backend: { image: "cybexp-demo/backend:1", bind: "127.0.0.1:5011", listen: 5001 },
      database: { image: "cybexp-demo/mongo:1" },
      proxy: { image: "cybexp-demo/nginx:1", serverName: "localhost", address: "127.0.0.1" },
      users: [{ name: "collector" }],
      collector,
      ...more,
    },
  });
}

/** The problems, as "path: reason". */
function problems(collector: unknown, more: Record<string, unknown> = {}): string[] {
  try {
    read(collector, more);
    return [];
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(({ path, reason }) => `${path}: ${reason}`);
  }
}

const least = { image: "cybexp-demo/collector:1", user: "collector" };

describe("a collector in the config", () => {
  it("takes records on loopback, under the collector's own port, by default", () => {
    const [collector] = read([least]).collector;
    assert.deepEqual(collector, {
      ...least,
      name: "collector",
      bind: { address: "127.0.0.1", port: 6000 },
      expose: false,
      config: {},
      debug: {},
      resources: {},
      drainSeconds: 60,
    });
  });

  it("is reachable from elsewhere only if that is said", () => {
    const open = { ...least, bind: "192.0.2.1:6000" };
    assert.deepEqual(problems([open]), [
      "cybexp:collector[0].bind: This address is not loopback: whoever reaches it could add records, and read them on the way, because nothing there is encrypted.",
    ]);
    assert.deepEqual(problems([{ ...open, expose: true }]), []);
    assert.deepEqual(problems([{ ...least, bind: "0.0.0.0:6000", expose: true }]), []);
    assert.equal(problems([{ ...least, bind: "localhost:6000" }]).length, 1);
  });

  it("needs a user, a name and a port of its own, and services that let a password in", () => {
    assert.deepEqual(problems([{ ...least, user: "nobody" }]), [
      "cybexp:collector[0].user: There is no such user in cybexp:users.",
    ]);
    assert.deepEqual(problems([least, { ...least, bind: "127.0.0.1:6001" }]), [
      "cybexp:collector[1].name: cybexp:collector[0] already has this name.",
    ]);
    assert.deepEqual(problems([{ ...least, bind: "127.0.0.1:5012" }]), [
      "cybexp:collector[0].bind: Port 5012 is used twice: cybexp:kms.bind already listens on it.",
    ]);
    const kms = { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 };
    assert.deepEqual(problems([least], { kms: { ...kms, access: "certificate" } }), [
      "cybexp:collector[0].user: The collector can only send a password, but cybexp:kms.access is certificate.",
    ]);
  });

  it("has debug flags in throw-away stacks only, and no demo image in production", () => {
    const debug = [{ ...least, debug: { print_incoming_record: true } }];
    assert.equal(problems(debug).length, 1);
    assert.deepEqual(problems(debug, { throwaway: true }), []);
    assert.ok(
      problems([least], { production: true }).some((text) =>
        text.startsWith("cybexp:collector[0].image: This is a demo image"),
      ),
    );
  });

  it("has a name that nothing else of the stack has", () => {
    for (const name of ["collector", "honeypot", "a-1"]) {
      assert.equal(parseCollectorName(name), name);
    }
    for (const name of [
      "door",
      "door-a",
      "gate",
      "gate-a",
      "a-handover",
      "A",
      "a-",
      "",
      "-a",
      1,
      "x".repeat(25),
    ]) {
      assert.ok(parseCollectorName(name) instanceof Fault, String(name));
    }
    assert.equal(isCollectorName("doorbell"), true);
    assert.equal(collectorPart("collector"), "collector");
    assert.equal(collectorPart("honeypot"), "collector-honeypot");
    assert.equal(collectorDoorPart("honeypot"), "collector-door-honeypot");
  });
});

describe("a policy", () => {
  it("is passed on as it is", () => {
    assert.deepEqual(parsePolicy(POLICY), POLICY);
    const text = "default: {abe_pol: a}\nindex:\n  regex: [{match: .*src.*}]\n";
    assert.equal(parsePolicy(text), text);
  });

  it("is refused where the collector would lose records or fields without a word", () => {
    for (const wrong of [
      {},
      [],
      1,
      "a text",
      "a: [",
      { ...POLICY, index: {} },
      { ...POLICY, index: { exact: [] } },
      { ...POLICY, index: { exact: ["ipv4"] } },
      { ...POLICY, default: "research" },
      { ...POLICY, default: {} },
      `${JSON.stringify(POLICY)}\n---\n{}\n`,
      "default: {abe_pol: a}\nindex: {exact: [{match: !!python/object:os.system a}]}\n",
    ]) {
      assert.ok(parsePolicy(wrong) instanceof Fault, JSON.stringify(wrong));
    }
  });

  it("is refused as a map where a number has lost digits on the way", () => {
    assert.ok(parsePolicy({ ...POLICY, extra: [2 ** 64] }) instanceof Fault);
    assert.ok(parsePolicy({ ...POLICY, extra: 1e-7 }) instanceof Fault);
    assert.deepEqual(parsePolicy({ ...POLICY, extra: 0.5 }), { ...POLICY, extra: 0.5 });
  });
});

const given = {
  kmsUrl: "https://cybexp.example.edu:5002",
  backendUrl: "https://cybexp.example.edu:5001",
  user: "collector",
  password: "p".repeat(32),
  token: "a.b.c",
};

describe("a collector's config.yaml", () => {
  it("has the policy with all its types, and the debug flags that are on", () => {
    const policy = {
      ...POLICY,
      odd: ["no", "1:30", "012", null, true, 0.5, 7, "two\nlines", { no: 1 }],
    };
    const text = renderModuleConfig({ ...given, policy, debug: { enabled: true } });
    const config = parse(text, { version: "1.1" }) as Record<string, unknown>;
    assert.deepEqual(config["policy"], policy);
    const debug = config["debug"] as Record<string, boolean>;
    assert.deepEqual([debug["enabled"], debug["print_was_posted"]], [true, false]);
    assert.doesNotMatch(text, /Adapt `policy`/);
  });

  it("has a policy that is text word for word, however large its numbers are", () => {
    const policy =
      "# ours\ndefault:\n  abe_pol: a\nindex:\n  exact:\n  - match: id\nlimit: 340282366920938463463374607431768211455\ntext: |\n  one\n\n  two";
    const text = renderModuleConfig({ ...given, policy });
    assert.ok(text.includes("\npolicy:\n  # ours\n  default:\n    abe_pol: a\n"));
    assert.ok(text.includes("  limit: 340282366920938463463374607431768211455\n"));
    const config = parse(text, { version: "1.1", intAsBigInt: true }) as { policy: object };
    assert.deepEqual(config.policy, parse(policy, { version: "1.1", intAsBigInt: true }));
  });
});

describe("door and gate", () => {
  const ways = [
    { port: 5002, internal: 8441 },
    { port: 6000, internal: 8442 },
  ];

  it("take records at a port that the collector doesn't call", () => {
    assert.equal(recordPort([]), 6000);
    assert.equal(recordPort(ways), 6001);
    const four = [6000, 6001, 6002, 6003].map((port) => ({ port, internal: 8441 }));
    assert.throws(() => recordPort(four), RangeError);
  });

  it("give the collector no more at once than it works on, and two that wait", () => {
    const files = gateFiles({ host: "cybexp-dev-proxy", ways }, 10);
    assert.deepEqual(JSON.parse(files["/door.json"] ?? ""), {
      records: 6001,
      next: { host: "collector", port: 8080, says: false },
      says: true,
      turns: 12,
      proxy: "cybexp-dev-proxy",
      ways: [
        [5002, 8441],
        [6000, 8442],
      ],
      targetFile: "/tmp/target",
      statusFile: "/tmp/status",
    });
    const door = JSON.parse(doorFiles(ways)["/door.json"] ?? "") as Record<string, unknown>;
    assert.deepEqual(door["next"], { host: "gate", port: 6001, says: true });
    assert.deepEqual(door["ways"], []);
  });
});

describe("the kernel's table of connections", () => {
  const header =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
  const row = (local: string, remote: string, state: string, queue = "00000000") =>
    `   0: ${local} ${remote} ${state} 00000000:${queue} 00:00000000 00000000   101        0 1 1 0 100 0 0 10 0\n`;
  const any = "00000000:0000";

  it("tells who listens, what waits, and what is not closed yet", () => {
    const table =
      header +
      row("00000000:1F90", any, "0A", "000005D6") +
      row("04A0A8C0:1F90", "02A0A8C0:AAAA", "01") +
      row("04A0A8C0:1F90", "02A0A8C0:AAAB", "08") +
      row("04A0A8C0:1F90", "02A0A8C0:AAAC", "06") +
      row("04A0A8C0:AAAD", "02A0A8C0:1F90", "01");
    assert.deepEqual(useOfPort(table, 8080), { listens: true, queue: 1494, open: 2 });
    assert.deepEqual(useOfPort(table, 5000), { listens: false, queue: 0, open: 0 });
    assert.deepEqual(useOfPort("", 8080), { listens: false, queue: 0, open: 0 });
  });
});
