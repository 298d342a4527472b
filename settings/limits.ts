/**
 * How much of the engine's machine each container may use, and how much a service gets at once. The
 * defaults follow from what the doors let through and from what the engine has.
 */
import type {
  CollectorSettings,
  KapowSettings,
  ModuleSettings,
  ProxyResources,
  Resources,
  ServiceSettings,
  Settings,
} from "./types.ts";

/** What the engine's machine has. */
export interface EngineSize {
  readonly processors: number;
  /** MiB. */
  readonly memory: number;
}

/** What a container may use. */
export interface ContainerLimits {
  /** MiB, without swap. */
  readonly memory: number;
  readonly cpus: number;
  /** Processes and threads. */
  readonly pids: number;
}

/** What the proxy's container may use. */
export interface ProxyLimits extends ContainerLimits {
  readonly workers: number;
  /** For each worker. */
  readonly connections: number;
  /** Large bodies that may be in transit at once, at all doors together. */
  readonly largeBodies: number;
}

/** What a door lets through at once. One more request is refused; one more large body waits. */
export interface DoorLimits {
  readonly requests: number;
  readonly largeBodies: number;
}

/** The limits of all containers of a stack, and of the doors. */
export interface StackLimits {
  readonly kms: ContainerLimits;
  readonly kmsDatabase: ContainerLimits;
  readonly backend: ContainerLimits;
  readonly backendDatabase: ContainerLimits;
  readonly kapow: ContainerLimits;
  readonly proxy: ProxyLimits;
  readonly acme: ContainerLimits;
  readonly acmeChallenge: ContainerLimits;
  /** By the collector's name. */
  readonly collectors: Readonly<Record<string, ContainerLimits>>;
  /** Of a collector's door, and of its gate. */
  readonly collectorDoor: ContainerLimits;
  readonly doors: Readonly<Record<"kms" | "backend" | "kapow", DoorLimits>>;
}

/** The parts of the settings that limits follow from. */
export type LimitSettings = Pick<Partial<Settings>, "database"> & {
  readonly kms?: ServiceSettings;
  readonly backend?: ServiceSettings;
  readonly kapow?: Pick<KapowSettings, "resources" | "door"> | undefined;
  readonly proxy?: { readonly resources?: ProxyResources };
  readonly certificates?: { readonly acme?: { readonly resources?: Resources } };
  readonly collector?: readonly (Pick<CollectorSettings, "name" | "config"> & {
    readonly resources?: Resources;
  })[];
  readonly modules?: Pick<ModuleSettings, "config">;
};

/** The largest body that a door lets through, in MiB; the KMS's is 64 KiB, a login or attributes. */
export const MAX_BODY = {
  /** MongoDB's largest document, 16 MiB, and its wrapping. With less, large records would be lost. */
  backend: 17,
  /** Kapow! itself accepts any size, and keeps it in memory. */
  kapow: 16,
} as const;

/** For a program that doesn't ask the engine. */
export const assumedEngine: EngineSize = { processors: 2, memory: 4096 };

// Measured, in MiB: a CYBEX-P service holds five to seven copies of a body (as it came, unpickled, as
// BSON, as a message), and its database up to nine. Each request has a MongoClient of its own, with
// three threads besides the request's and up to three connections.
const SERVICE = { base: 128, request: 0.25, copies: 7, threads: 4, ownThreads: 64 };
const DATABASE = { base: 256, copies: 9, connections: 3, ownThreads: 128 };
/** A route's command is a shell and what it starts; the body is in memory and in a pipe. */
const KAPOW = { base: 64, request: 0.5, copies: 4, threads: 4, ownThreads: 32 };
/** certbot with a plugin that brings a cloud's library; and a shell around it. */
const ACME: ContainerLimits = { memory: 256, cpus: 1, pids: 100 };
/** An authority asks a handful of times for each name; nobody else is to be served. */
const CHALLENGE: ContainerLimits = { memory: 64, cpus: 0.5, pids: 50 };
/** What a collector has beside its threads: the records that wait, which it keeps in memory. */
const COLLECTOR = { memory: 512, cpus: 1, ownThreads: 64, workers: 10 };
/** Records that wait, and two connections for each. */
const COLLECTOR_DOOR: ContainerLimits = { memory: 192, cpus: 0.5, pids: 50 };
/** A connection with TLS and buffers, and its share of the answers that are read ahead. */
const PROXY = { base: 128, worker: 16, request: 0.3 };

/** The limits of every container of a stack. The engine would refuse more processors than it has. */
export function limitsOf(settings: LimitSettings, engine: EngineSize): StackLimits {
  const { kms, backend, database, kapow, proxy, certificates, collector = [], modules } = settings;
  const given = { ...database?.resources };
  const turns = clamp(2 * engine.processors, 2, 8);
  const half = Math.max(1, Math.floor(engine.processors / 2));

  const service = (resources: Resources = {}, body: number): ContainerLimits =>
    withGiven(engine, resources, {
      memory: atMost(
        Math.max(512, engine.memory / 4),
        SERVICE.base + REQUESTS * SERVICE.request + turns * SERVICE.copies * body,
      ),
      // Python runs on one processor at a time.
      cpus: 1,
      pids: SERVICE.ownThreads + REQUESTS * SERVICE.threads,
    });
  const databaseOf = (name: "kms" | "backend", memory: number): ContainerLimits =>
    withGiven(
      engine,
      { ...given, ...given[name] },
      {
        memory: step(memory),
        cpus: half,
        // A thread for each connection.
        pids: DATABASE.ownThreads + REQUESTS * DATABASE.connections,
      },
    );

  const limits = {
    // The KMS has no large bodies.
    kms: service(kms?.resources, 0),
    kmsDatabase: databaseOf("kms", 1024),
    backend: service(backend?.resources, MAX_BODY.backend),
    backendDatabase: databaseOf(
      "backend",
      Math.max(
        1024,
        DATABASE.base + turns * DATABASE.copies * MAX_BODY.backend,
        // A database uses memory beyond that to cache records.
        engine.memory / 4,
      ),
    ),
    kapow: withGiven(engine, kapow?.resources ?? {}, {
      memory: 512,
      cpus: 1,
      pids: 1024,
    }),
    acme: withGiven(engine, certificates?.acme?.resources ?? {}, ACME),
    acmeChallenge: CHALLENGE,
    collectors: Object.fromEntries(
      collector.map(({ name, config, resources = {} }) => {
        const { enc_worker_threads: workers = COLLECTOR.workers } = {
          ...modules?.config,
          ...config,
        };
        return [
          name,
          withGiven(engine, resources, { ...COLLECTOR, pids: COLLECTOR.ownThreads + workers }),
        ];
      }),
    ),
    collectorDoor: withGiven(engine, {}, COLLECTOR_DOOR),
  };
  const doors = {
    kms: doorOf(limits.kms, database?.uri?.kms ? BOUNDLESS : limits.kmsDatabase, 1),
    backend: doorOf(
      limits.backend,
      database?.uri?.backend ? BOUNDLESS : limits.backendDatabase,
      MAX_BODY.backend,
    ),
    kapow: {
      requests: clamp((limits.kapow.pids - KAPOW.ownThreads) / KAPOW.threads, 1, MOST_REQUESTS),
      largeBodies: clamp(
        (limits.kapow.memory - KAPOW.base) / (KAPOW.copies * MAX_BODY.kapow),
        1,
        MOST_TURNS,
      ),
    },
  };
  const behind = [doors.kms, doors.backend, ...(kapow?.door ? [doors.kapow] : [])];
  return { ...limits, doors, proxy: proxyOf(proxy?.resources ?? {}, engine, half, behind) };
}

/** A sentence for each key that asks for more processors than the engine has. */
export function missingProcessors(settings: LimitSettings, { processors }: EngineSize): string[] {
  const { kms, backend, database, kapow, proxy, certificates, collector = [] } = settings;
  const asked: [string, Resources | undefined][] = [
    ["kms.resources", kms?.resources],
    ["backend.resources", backend?.resources],
    ["database.resources", database?.resources],
    ["database.resources.kms", database?.resources?.kms],
    ["database.resources.backend", database?.resources?.backend],
    ["kapow.resources", kapow?.resources],
    ["proxy.resources", proxy?.resources],
    ["certificates.acme.resources", certificates?.acme?.resources],
    ...collector.map(({ resources }, index): [string, Resources | undefined] => [
      `collector[${index}].resources`,
      resources,
    ]),
  ];
  const has = processors === 1 ? "1 processor" : `${processors} processors`;
  return asked.flatMap(([path, { cpus = 0 } = {}]) =>
    cpus > processors
      ? [`cybexp:${path}.cpus is ${cpus}, but the engine has ${has}: it gets ${processors}`]
      : [],
  );
}

/** What the stack knows of a database that it does not run. */
const BOUNDLESS: ContainerLimits = { memory: Infinity, cpus: Infinity, pids: Infinity };

/** How many requests at once a service has room for by default. */
const REQUESTS = 480;
const MOST_REQUESTS = 16_384;
const MOST_TURNS = 64;

/** What a service and its database have room for. */
function doorOf(service: ContainerLimits, database: ContainerLimits, body: number): DoorLimits {
  const requests = clamp(
    Math.min(
      (service.pids - SERVICE.ownThreads) / SERVICE.threads,
      (database.pids - DATABASE.ownThreads) / DATABASE.connections,
      // Half of what is left beside one large body.
      (service.memory - SERVICE.base - SERVICE.copies * body) / SERVICE.request,
    ),
    1,
    MOST_REQUESTS,
  );
  const largeBodies = Math.min(
    (service.memory - SERVICE.base - requests * SERVICE.request) / (SERVICE.copies * body),
    (database.memory - DATABASE.base) / (DATABASE.copies * body),
  );
  return { requests, largeBodies: clamp(largeBodies, 1, MOST_TURNS) };
}

/** MiB of the engine's disk that the proxy uses for bodies by default. */
export const BODIES = 2048;

function proxyOf(
  resources: ProxyResources,
  engine: EngineSize,
  half: number,
  doors: readonly DoorLimits[],
): ProxyLimits {
  const requests = doors.reduce((sum, door) => sum + door.requests, 0);
  const cpus = Math.min(resources.cpus ?? half, engine.processors);
  const workers = resources.workers ?? Math.max(4, 2 * Math.ceil(cpus));
  return {
    ...withGiven(engine, resources, {
      memory: step(PROXY.base + workers * PROXY.worker + requests * PROXY.request),
      cpus,
      // Workers are processes. During a reload, those of two releases run, or of more if they end slowly.
      pids: Math.max(200, 8 * workers),
    }),
    workers,
    // Two for each request, and workers don't share requests evenly.
    connections: resources.connections ?? Math.max(1024, Math.ceil((4 * requests) / workers)),
    largeBodies: clamp((resources.bodies ?? BODIES) / MAX_BODY.backend, 1, 65_535),
  };
}

function withGiven(
  { processors }: EngineSize,
  { memory, cpus, pids }: Resources,
  fallback: ContainerLimits,
): ContainerLimits {
  return {
    memory: memory ?? fallback.memory,
    cpus: Math.min(cpus ?? fallback.cpus, processors),
    pids: pids ?? fallback.pids,
  };
}

/** What is wanted, within a share of the engine's memory, and no less than 512 MiB. */
const atMost = (share: number, wanted: number) => step(Math.max(512, Math.min(wanted, share)));

/** Rounded up to 64 MiB, because the engine's memory is not a round number. */
const step = (memory: number) => Math.ceil(memory / 64) * 64;

const clamp = (value: number, least: number, most: number) =>
  Math.max(least, Math.min(most, Math.floor(value)));
