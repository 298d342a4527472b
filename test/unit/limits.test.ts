/** The limits that follow from the engine, the doors and the config. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  assumedEngine,
  type EngineSize,
  limitsOf,
  MAX_BODY,
  missingProcessors,
} from "../../settings/limits.ts";
import { isSameSize } from "../../programs/limits/engineSize.ts";

const of = (processors: number, memory: number, settings: Parameters<typeof limitsOf>[0] = {}) =>
  limitsOf(settings, { processors, memory });
/** Only the limits are looked at. */
const backend = (resources: object) => ({ backend: { resources } }) as object;
const database = (resources: object) => ({ database: { resources } }) as object;
const proxy = (resources: object) => ({ proxy: { resources } });

describe("default limits", () => {
  it("on a small machine", () => {
    assert.deepEqual(limitsOf({}, assumedEngine), {
      kms: { memory: 512, cpus: 1, pids: 1984 },
      kmsDatabase: { memory: 1024, cpus: 1, pids: 1568 },
      backend: { memory: 768, cpus: 1, pids: 1984 },
      backendDatabase: { memory: 1024, cpus: 1, pids: 1568 },
      kapow: { memory: 512, cpus: 1, pids: 1024 },
      acme: { memory: 256, cpus: 1, pids: 100 },
      acmeChallenge: { memory: 64, cpus: 0.5, pids: 50 },
      collectors: {},
      collectorDoor: { memory: 192, cpus: 0.5, pids: 50 },
      doors: {
        kms: { requests: 480, largeBodies: 37 },
        backend: { requests: 480, largeBodies: 4 },
        kapow: { requests: 248, largeBodies: 7 },
      },
      proxy: {
        memory: 512,
        cpus: 1,
        pids: 200,
        workers: 4,
        connections: 1024,
        largeBodies: 120,
      },
    });
  });

  it("on a large one: more at once, and a database with a larger cache", () => {
    const { backend, backendDatabase, proxy, doors } = of(16, 65_536);
    assert.deepEqual(backend, { memory: 1216, cpus: 1, pids: 1984 });
    assert.deepEqual(backendDatabase, { memory: 16_384, cpus: 8, pids: 1568 });
    assert.deepEqual([proxy.cpus, proxy.workers, proxy.memory], [8, 16, 704]);
    assert.deepEqual(doors.backend, { requests: 480, largeBodies: 8 });
  });

  it("have room for a hundred clients, each with a connection of its own", () => {
    const { backend, backendDatabase, doors } = of(1, 1024);
    assert.ok(doors.backend.requests >= 100);
    assert.ok(backend.pids >= 4 * doors.backend.requests);
    assert.ok(backendDatabase.pids >= 3 * doors.backend.requests);
  });

  it("make room at the proxy for every door's requests", () => {
    const { proxy } = of(2, 4096, { kapow: { door: {} } } as object);
    assert.ok(proxy.workers * proxy.connections >= 2 * (480 + 480 + 248));
  });
});

describe("limits of the operator", () => {
  it("are used as they are, and the rest follows from them", () => {
    const { backend: own, doors } = of(2, 4096, backend({ memory: 4096, cpus: 0.5, pids: 464 }));
    assert.deepEqual(own, { memory: 4096, cpus: 0.5, pids: 464 });
    // As many threads as it may have, and as large a body as its database has room for.
    assert.deepEqual(doors.backend, { requests: 100, largeBodies: 5 });
  });

  it("pass no more to a service than its database has threads for", () => {
    assert.equal(of(2, 4096, database({ pids: 428 })).doors.backend.requests, 100);
    assert.equal(of(2, 4096, database({ kms: { pids: 428 } })).doors.backend.requests, 480);
    assert.equal(of(2, 4096, database({ backend: { memory: 2304 } })).doors.backend.largeBodies, 4);
  });

  it("apply to both databases, or to one", () => {
    const { kmsDatabase, backendDatabase } = of(
      4,
      8192,
      database({ memory: 512, cpus: 2, backend: { memory: 4096 } }),
    );
    assert.deepEqual(kmsDatabase, { memory: 512, cpus: 2, pids: 1568 });
    assert.deepEqual(backendDatabase, { memory: 4096, cpus: 2, pids: 1568 });
  });

  it("give the proxy room for that many bodies of the largest size", () => {
    assert.equal(of(2, 4096, proxy({ bodies: 340 })).proxy.largeBodies, 20);
    const { workers, connections, memory } = of(
      2,
      4096,
      proxy({ workers: 2, connections: 300, memory: 128 }),
    ).proxy;
    assert.deepEqual([workers, connections, memory], [2, 300, 128]);
  });

  it("never have more processors than the engine, which is reported", () => {
    const asked = {
      ...backend({ cpus: 2.01 }),
      ...database({ cpus: 1, backend: { cpus: 3 } }),
      ...proxy({ cpus: 64 }),
    };
    const engine = { processors: 2, memory: 4096 };
    const limits = limitsOf(asked, engine);
    assert.deepEqual(
      [limits.backend, limits.kmsDatabase, limits.backendDatabase, limits.proxy].map(
        ({ cpus }) => cpus,
      ),
      [2, 1, 2, 2],
    );
    assert.deepEqual(missingProcessors(asked, engine), [
      "cybexp:backend.resources.cpus is 2.01, but the engine has 2 processors: it gets 2",
      "cybexp:database.resources.backend.cpus is 3, but the engine has 2 processors: it gets 2",
      "cybexp:proxy.resources.cpus is 64, but the engine has 2 processors: it gets 2",
    ]);
    assert.deepEqual(missingProcessors(asked, { processors: 64, memory: 1 }), []);
    assert.deepEqual(missingProcessors(database({ cpus: 2 }), { processors: 1, memory: 1 }), [
      "cybexp:database.resources.cpus is 2, but the engine has 1 processor: it gets 1",
    ]);
  });

  const size = fc.record({
    processors: fc.integer({ min: 1, max: 256 }),
    memory: fc.integer({ min: 512, max: 4_194_304 }),
  });
  const resources = fc.record(
    {
      memory: fc.integer({ min: 384, max: 1_048_576 }),
      pids: fc.integer({ min: 50, max: 4096 }),
    },
    { requiredKeys: [] },
  );

  it("never let more through than what they were made for", () => {
    fc.assert(
      fc.property(size, resources, resources, (engine: EngineSize, ours, theirs) => {
        const limits = limitsOf({ ...backend(ours), ...database({ backend: theirs }) }, engine);
        const { requests, largeBodies } = limits.doors.backend;
        assert.ok(requests >= 1 && largeBodies >= 1);
        assert.ok(
          largeBodies === 1 ||
            128 + 0.25 * requests + 7 * MAX_BODY.backend * largeBodies <= limits.backend.memory,
        );
        assert.ok(requests === 1 || 64 + 4 * requests <= limits.backend.pids);
        assert.ok(requests === 1 || 128 + 3 * requests <= limits.backendDatabase.pids);
        for (const { memory, cpus, pids } of [
          limits.kms,
          limits.kmsDatabase,
          limits.backend,
          limits.backendDatabase,
          limits.kapow,
          limits.proxy,
        ]) {
          assert.ok(cpus >= 0.01 && cpus <= engine.processors);
          assert.ok(Number.isInteger(memory) && memory >= 256);
          assert.ok(Number.isInteger(pids) && pids >= 50 && pids <= 4096);
        }
      }),
    );
  });
});

describe("an engine's size", () => {
  const before = { processors: 2, memory: 8000 };
  it("stays the same with a few MiB more or less, but not with other processors", () => {
    assert.ok(isSameSize(before, { processors: 2, memory: 7990 }));
    assert.ok(isSameSize(before, { processors: 2, memory: 8800 }));
    assert.ok(!isSameSize(before, { processors: 2, memory: 8801 }));
    assert.ok(!isSameSize(before, { processors: 4, memory: 8000 }));
  });
});
