import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { UNKNOWN } from "../../../policy/pack/unknown.ts";
import { ownDatabase } from "../../../policy/rules/ownDatabase.ts";
import { pidsLimit } from "../../../policy/rules/pidsLimit.ts";
import { protectedData } from "../../../policy/rules/protectedData.ts";
import { container, judge, limits, resource, volume } from "./judge.ts";

describe("pids-limit", () => {
  const web = container();

  it("takes a container for whose id a command sets one", () => {
    assert.deepEqual(judge(pidsLimit, [web, limits(web)]), []);
  });

  it("reports a container without such a command, or with that of another", () => {
    const other = container({}, "other");
    const told = judge(pidsLimit, [web, other, limits(other)]);
    assert.equal(told.length, 1);
    assert.match(told[0] ?? "", /^web: it has no process limit: set one with /);
    const unrelated = resource(
      "command:local:Command",
      "x",
      { create: "docker restart" },
      {
        madeOf: { stdin: [web.urn] },
      },
    );
    assert.equal(judge(pidsLimit, [web, unrelated]).length, 1);
  });

  it("waits for a command or a limit that is not known yet", () => {
    assert.deepEqual(judge(pidsLimit, [web, limits(web, UNKNOWN)]), []);
    const command = { ...limits(web), props: { create: UNKNOWN, stdin: UNKNOWN } };
    assert.deepEqual(judge(pidsLimit, [web, command]), []);
  });

  it("takes another command, another maximum, or an ulimit, as its settings say", () => {
    const all = [web, limits(web, 200)];
    const settings = (changes: object) => judge(pidsLimit, all, { settings: { ...changes } });
    assert.deepEqual(settings({ maximum: 199 }), ["web: its process limit is 200: set 1 to 199"]);
    assert.equal(settings({ command: "set-limits" }).length, 1);
    const ulimits = container({ ulimits: [{ name: "nproc", hard: 64 }] });
    assert.equal(judge(pidsLimit, [ulimits]).length, 1);
    assert.deepEqual(judge(pidsLimit, [ulimits], { settings: { ulimit: true } }), []);
    assert.equal(judge(pidsLimit, [web], { settings: { ulimit: true } }).length, 1);
  });
});

describe("protected-data", () => {
  const mounting = (volumeName: unknown, containerPath = "/data/db", readOnly = false) =>
    container({ volumes: [{ volumeName, containerPath, readOnly }] }, "db");

  it("takes a protected volume, and one without such data", () => {
    assert.deepEqual(judge(protectedData, [mounting("data"), volume("data", true)]), []);
    assert.deepEqual(judge(protectedData, [mounting("logs", "/logs"), volume("logs", false)]), []);
    assert.deepEqual(judge(protectedData, [mounting("data"), volume("other", false)]), []);
    assert.deepEqual(
      judge(protectedData, [mounting("data", "/data/db", true), volume("data", false)]),
      [],
    );
  });

  it("reports a volume with data that is not protected", () => {
    assert.deepEqual(judge(protectedData, [mounting("data"), volume("data", false)]), [
      "data: the volume data has the data of db, at /data/db, and could be deleted: set protect: true",
    ]);
  });

  it("waits for names that are not known yet", () => {
    assert.deepEqual(judge(protectedData, [mounting(UNKNOWN), volume("data", false)]), []);
    const unnamed = resource("docker:index/volume:Volume", "v", { name: UNKNOWN });
    assert.deepEqual(judge(protectedData, [mounting(UNKNOWN), unnamed]), []);
  });

  it("looks at the paths of its settings, and not at a stack whose data may go", () => {
    const all = [mounting("data", "/srv"), volume("data", false)];
    const settings = { paths: ["/srv"], unless: "app:throwaway" };
    assert.deepEqual(judge(protectedData, all), []);
    assert.match(
      judge(protectedData, all, { settings })[0] ?? "",
      /, or set app:throwaway to true/,
    );
    assert.deepEqual(judge(protectedData, all, { settings, flags: ["app:throwaway"] }), []);
  });
});

describe("protected-data, with an exception", () => {
  it("lets a container have data that can be made again, and no other one that mounts it", () => {
    const mounting = (name: string) =>
      container({ volumes: [{ volumeName: "data", containerPath: "/data/db" }] }, name);
    const settings = { exceptions: [{ name: "cache", reason: "It is made again." }] };
    const judged = (...names: string[]) =>
      judge(protectedData, [...names.map(mounting), volume("data", false)], { settings });
    assert.deepEqual(judged("cache"), []);
    assert.match(judged("cache", "db").join(), /^data: the volume data has the data of db,/);
  });
});

describe("own-database", () => {
  const joined = (name: string, ...networks: unknown[]) =>
    container({ networksAdvanced: networks.map((network) => ({ name: network })) }, name);
  const database = (...networks: unknown[]) => {
    const db = joined("db", ...networks);
    return {
      ...db,
      props: { ...db.props, volumes: [{ volumeName: "d", containerPath: "/data/db" }] },
    };
  };

  it("takes a database with one service beside it", () => {
    const all = [database("data"), joined("kms", "data", "edge"), joined("backend", "edge")];
    assert.deepEqual(judge(ownDatabase, all), []);
  });

  it("reports a database that two services reach, by one network or by two", () => {
    const told = [
      "db: db shares a network with kms and backend: give each service a database of its own, in a network of its own",
    ];
    const one = [database("data"), joined("kms", "data"), joined("backend", "edge", "data")];
    assert.deepEqual(judge(ownDatabase, one), told);
    const two = [database("a", "b"), joined("kms", "a"), joined("backend", "b")];
    assert.deepEqual(judge(ownDatabase, two), told);
  });

  it("knows that containers without a network are all in one", () => {
    assert.equal(judge(ownDatabase, [database(), joined("kms"), joined("backend")]).length, 1);
  });

  it("waits for networks that are not known yet", () => {
    const all = [database(UNKNOWN), joined("kms", UNKNOWN), joined("backend", UNKNOWN)];
    assert.deepEqual(judge(ownDatabase, all), []);
  });

  it("takes for databases what its settings name", () => {
    const all = [joined("store", "data"), joined("kms", "data"), joined("backend", "data")];
    assert.deepEqual(judge(ownDatabase, all), []);
    const settings = { databases: [{ label: "app.role=store" }] };
    assert.equal(judge(ownDatabase, all, { settings }).length, 1);
    assert.equal(
      judge(ownDatabase, all, { settings: { databases: [{ name: "store" }] } }).length,
      1,
    );
  });
});
