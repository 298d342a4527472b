/** What the report makes of settings, certificates and containers. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { callersOf, overlapsOf } from "../../cli/doctor/report/facts/callers.ts";
import { endsOf } from "../../cli/doctor/report/facts/ends.ts";
import { type InspectedContainer, topologyOf } from "../../cli/doctor/report/facts/topology.ts";
import type { KnownEnd } from "../../render/certificateEnds.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings } from "../../settings/types.ts";
import { NOW } from "./reportSample.ts";

const settingsWith = (more: Record<string, unknown> = {}, access = "password"): Settings =>
  readSettings({
    stack: "prod",
    secretKeys: new Set(),
    values: {
      kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002, access },
      backend: { image: "cybexp-demo/backend:1", bind: "127.0.0.1:5011", listen: 5001 },
      database: { image: "cybexp-demo/mongo:1" },
      proxy: { image: "cybexp-demo/nginx:1", serverName: "localhost", address: "0.0.0.0" },
      users: [{ name: "collector" }],
      ...more,
    },
  });

describe("days left", () => {
  const end = (name: string, notAfter: string, changes: Partial<KnownEnd> = {}): KnownEnd => ({
    ...{ name, kind: "server", source: "generated", notAfter, lifetimeDays: 90 },
    ...changes,
  });
  const shown = (ends: readonly KnownEnd[], served: Parameters<typeof endsOf>[0]["served"] = []) =>
    endsOf({ ends, served, warnDays: 21, now: NOW }).map((one) => [
      ...[one.name, one.days, one.level, one.renewal],
    ]);

  it("are whole days, the first to end first, and say what is soon", () => {
    assert.deepEqual(
      shown([
        end("late", "2027-02-28T06:05:30Z"),
        end("today", "2026-11-28T23:00:00Z"),
        end("ended", "2026-11-28T06:05:30Z"),
        end("almost", "2026-12-19T06:05:29Z"),
        end("just", "2026-12-19T06:05:30Z"),
      ]),
      [
        ["ended", 0, "ended", "up"],
        ["today", 0, "soon", "up"],
        ["almost", 20, "soon", "up"],
        ["just", 21, "fine", "up"],
        ["late", 92, "fine", "up"],
      ],
    );
  });

  it("of what a container renews are those of what it shows", () => {
    const ends = [end("proxy", "2026-12-01T00:00:00Z", { source: "acme" })];
    const served = [
      { name: "proxy", listener: "localhost:5002", notAfter: "2027-02-01T00:00:00Z" },
    ];
    assert.deepEqual(shown(ends, served as never), [["proxy", 64, "fine", "authority"]]);
    assert.deepEqual(shown([end("proxy", "2027-01-31T00:00:00Z", { source: "supplied" })]), [
      ["proxy", 63, "fine", "people"],
    ]);
  });
});

describe("callers", () => {
  const listed = [
    { name: "ann", generation: 1, retired: 0 },
    { name: "bob", generation: 3, retired: 1, retireBy: "2026-12-04" },
    { name: "eve", generation: 2, retired: 0, revoked: true },
  ];

  it("with a previous secret come first, and a revoked one has none", () => {
    assert.deepEqual(
      callersOf(listed, undefined).map((one) => [one.name, one.overlap, one.revoked, one.requests]),
      [
        ["bob", true, false, undefined],
        ["ann", false, false, undefined],
        ["eve", false, true, undefined],
      ],
    );
  });

  it("have their requests if the log can be read, and 0 for none", () => {
    const traffic = { requestsBy: { ann: 12 } } as never;
    assert.deepEqual(
      callersOf(listed, traffic).map(({ requests }) => requests),
      [0, 12, 0],
    );
  });

  it("have overlaps, with the days until each is to be retired", () => {
    const settings = settingsWith({
      users: [
        { name: "ann" },
        { name: "bob", generation: 3, retired: 1, retireBy: "2026-12-04" },
        { name: "cy", generation: 2 },
      ],
      clients: [
        { name: "app", generation: 2, retireBy: "2026-11-27" },
        { name: "old", generation: 2, revoked: true },
      ],
      rotation: { serverCa: 2, serverCaRetireBy: "2026-11-28" },
    });
    assert.deepEqual(overlapsOf(settings, NOW), [
      { what: "Certificate of app, generation 1", retireBy: "2026-11-27", days: -1 },
      { what: "Server CA, generation 1", retireBy: "2026-11-28", days: 0 },
      { what: "Password of bob, generation 2", retireBy: "2026-12-04", days: 6 },
      { what: "Password of cy, generation 1", retireBy: undefined, days: undefined },
    ]);
    assert.deepEqual(overlapsOf(settingsWith(), NOW), []);
  });
});

describe("what runs where", () => {
  const container = (
    role: string,
    ports: Readonly<Record<string, readonly [string, string]>>,
    networks: readonly string[],
    state: InspectedContainer["State"] = { Status: "running", Health: { Status: "healthy" } },
  ): InspectedContainer => ({
    Name: `/cybexp-prod-${role}`,
    State: state,
    Config: { Labels: { "cybexp.role": role } },
    HostConfig: {
      PortBindings: Object.fromEntries(
        Object.entries(ports).map(([inside, [HostIp, HostPort]]) => [
          inside,
          [{ HostIp, HostPort }],
        ]),
      ),
    },
    NetworkSettings: { Networks: Object.fromEntries(networks.map((name) => [name, {}])) },
  });
  const engine = { host: "docker-1", version: "28.5.2", networks: [], expected: [] };
  const hostOf = (
    containers: readonly InspectedContainer[],
    settings = settingsWith(),
    more = {},
  ) => {
    const [host] = topologyOf([{ ...engine, containers, ...more }], settings).hosts;
    return host ?? assert.fail("no host");
  };

  it("has the doors of the proxy with what they ask for, and an operator's own ways apart", () => {
    const { ports } = hostOf(
      [
        container(
          "proxy",
          { "8441/tcp": ["0.0.0.0", "5002"], "9113/tcp": ["127.0.0.1", "9113"] },
          [],
        ),
        container("kms", { "5000/tcp": ["127.0.0.1", "5012"] }, []),
      ],
      settingsWith({ clients: [{ name: "app" }] }, "either"),
    );
    const common = { from: "host", door: undefined };
    assert.deepEqual(ports, [
      {
        ...{ address: "0.0.0.0", port: 5002, container: "cybexp-prod-proxy", from: "network" },
        door: { title: "KMS", access: "password or certificate", shortly: "either" },
      },
      { ...common, address: "127.0.0.1", port: 9113, container: "cybexp-prod-proxy" },
      { ...common, address: "127.0.0.1", port: 5012, container: "cybexp-prod-kms" },
    ]);
  });

  it("has what a port in the network asks for that is no door of the proxy", () => {
    const { ports } = hostOf([
      container("kapow", { "8080/tcp": ["", "5003"] }, []),
      container("acme-challenge", { "8080/tcp": ["192.0.2.1", "80"] }, []),
    ]);
    assert.deepEqual(
      ports.map(({ address, door }) => [address, door?.title, door?.access]),
      [
        ["0.0.0.0", "Kapow!", "certificate"],
        ["192.0.2.1", "ACME", "nothing"],
      ],
    );
  });

  it("says how containers are, and which are gone", () => {
    const { containers } = hostOf(
      [
        container("kms", {}, ["b", "a"]),
        container("backend", {}, [], { Status: "exited" }),
        container("acme", {}, [], { Status: "running" }),
        container("kms-db", {}, [], { Status: "running", Health: { Status: "starting" } }),
      ],
      settingsWith(),
      { expected: ["cybexp-prod-kms", "cybexp-prod-proxy"] },
    );
    assert.deepEqual(
      containers.map(({ title, state, words, networks }) => [title, state, words, networks]),
      [
        ["KMS", "healthy", "healthy", ["a", "b"]],
        ["Backend", "unwell", "exited", []],
        ["Renewal", "running", "running", []],
        ["KMS DB", "unwell", "starting", []],
        ["Proxy", "gone", "gone", []],
      ],
    );
  });

  it("says from which networks one can call out", () => {
    const network = (Name: string, Internal: boolean, masquerade?: string) => ({
      ...{ Name, Internal, Labels: { "cybexp.role": Name.slice(2) } },
      Options:
        masquerade === undefined
          ? {}
          : { "com.docker.network.bridge.enable_ip_masquerade": masquerade },
    });
    const { networks } = hostOf([], settingsWith(), {
      networks: [
        network("x-edge", false),
        network("x-kms", false, "false"),
        network("x-kms-db", true),
      ],
    });
    assert.deepEqual(
      networks.map(({ title, callsOut }) => [title, callsOut]),
      [
        ["edge", true],
        ["kms", false],
        ["kms-db", false],
      ],
    );
  });
});
