/** Made-up reports for the tests of the page. */
import { TrafficCount } from "../../cli/doctor/report/facts/traffic.ts";
import type { Container, Deployed, End, Host, Report } from "../../cli/doctor/report/model.ts";

export const NOW = new Date("2026-11-28T06:05:30Z");
const DAY_MS = 86_400_000;

export interface SampleOptions {
  readonly users?: number;
  readonly clients?: number;
  /** Whether something is wrong with it. */
  readonly ill?: boolean;
  readonly kapow?: boolean;
  readonly acme?: boolean;
  readonly quiet?: boolean;
  readonly stack?: string;
}

export function sampleReport(options: SampleOptions = {}): Report {
  const { ill = false, stack = "prod" } = options;
  return {
    stack,
    time: NOW,
    engine: { host: "docker-1", version: "28.5.2" },
    findings: [
      { level: "good", about: "engine", text: "Docker 28.5.2 answers" },
      { level: "good", about: "containers", text: "5 run and are healthy" },
      { level: "good", about: "limits", text: "none was hit" },
      { level: "good", about: "door to kms", text: "as it should be" },
      { level: "good", about: "door to backend", text: "as it should be" },
      ...(ill
        ? ([
            {
              level: "note",
              about: "limits",
              text: "the backend was sent 2 bodies since yesterday that were larger than it takes, and the proxy refused them (413): have the sender split its records, since MongoDB stores no document above 16 MiB",
            },
            {
              level: "note",
              about: "config",
              text: "the previous password of collector-03 (generation 2) is still valid: to retire it, set retired: 2 for that user",
            },
            {
              level: "fault",
              about: "container",
              text: `cybexp-${stack}-backend is exited (exit code 137: it was killed): see \`docker logs cybexp-${stack}-backend\`; \`STACK=${stack} npm run up\` creates it again`,
            },
          ] as const)
        : []),
    ],
    deployed: deployed(options, stack),
  };
}

const numbered = (name: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${name}-${String(index + 1).padStart(2, "0")}`);

function deployed(options: SampleOptions, stack: string): Deployed {
  const { users = 3, clients = 2, ill = false, quiet = false } = options;
  const userNames = numbered("collector", users);
  const clientNames = numbered("browser-of-unit", clients);
  const traffic = quiet
    ? new TrafficCount(NOW, ["kms", "backend"], []).result(false)
    : busyHour(userNames, options);
  return {
    topology: { hosts: [sampleHost(stack, options)] },
    ends: [
      ...(ill ? [end("proxy", "server", 6)] : [end("proxy", "server", 71)]),
      ...clientNames.map((name, index) => end(`client/${name}-1`, "client", 90 + 3 * index)),
      end("server-ca-1", "authority", 3410),
      end("client-ca-1", "authority", 3410),
      end("client-ca-1-crl", "crl", 3410),
    ],
    warnDays: 21,
    overlaps: ill
      ? [
          { what: "Password of collector-03, generation 2", retireBy: "2026-12-04", days: 6 },
          { what: "Server CA, generation 1", retireBy: undefined, days: undefined },
        ]
      : [],
    users: userNames.map((name, index) => ({
      ...{ name, generation: index % 3 === 2 ? 3 : 1, revoked: false },
      overlap: ill && index === 2,
      requests: traffic.requestsBy[name] ?? 0,
    })),
    clients: clientNames.map((name, index) => ({
      ...{ name, generation: 1, overlap: false, requests: 0 },
      revoked: index === 1,
    })),
    backup: ill
      ? undefined
      : {
          newest: new Date(NOW.getTime() - 9 * 3_600_000),
          place: "/srv/backups/cybexp",
          warnDays: 7,
        },
    traffic,
  };
}

const end = (name: string, kind: End["kind"], days: number): End => ({
  ...{ name, kind, days, notAfter: new Date(NOW.getTime() + days * DAY_MS) },
  level: days < 0 ? "ended" : days < 21 ? "soon" : "fine",
  renewal: kind === "server" ? "authority" : "up",
});

/** Numbers that look like chance, and are the same each time. */
function busyHour(users: readonly string[], { ill = false, kapow = false }: SampleOptions) {
  const doors = ["kms", "backend", ...(kapow ? ["kapow"] : [])];
  const count = new TrafficCount(NOW, doors, users);
  let seed = 7;
  const chance = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  for (let minute = 59; minute >= 0; minute--) {
    const time = new Date(NOW.getTime() - minute * 60_000);
    const number = Math.round(30 + 14 * Math.sin(minute / 9) + 10 * chance());
    for (let index = 0; index < number; index++) {
      const dice = chance();
      const [status, upstream] =
        dice < 0.015
          ? ["401", ""]
          : dice < 0.02
            ? ["404", "404"]
            : ill && minute < 12 && dice < 0.3
              ? ["502", "502"]
              : ill && dice < 0.03
                ? ["413", ""]
                : ["200", "200"];
      count.add(
        logLine({
          time: time.toISOString(),
          remote: `192.0.2.${1 + Math.floor(5 * chance())}`,
          user: users[Math.floor(users.length * chance())] ?? "",
          door: doors[Math.floor(doors.length * chance())] ?? "",
          status,
          upstream_status: upstream,
          seconds: 0.004 + 0.05 * chance() ** 4,
        }),
      );
    }
  }
  return count.result(false);
}

/** A line of the proxy's access log. */
export const logLine = (changes: Readonly<Record<string, unknown>>): string =>
  JSON.stringify({
    ...{ time: NOW.toISOString(), remote: "192.0.2.1", user: "", door: "kms", status: "200" },
    ...{ path: "/", seconds: 0.01, upstream_status: "200", refused: "" },
    ...changes,
  });

export function sampleHost(
  stack: string,
  { ill = false, kapow = false, acme = false }: SampleOptions = {},
): Host {
  const name = (part: string) => `cybexp-${stack}-${part}`;
  const container = (part: string, title: string, networks: readonly string[]): Container => ({
    ...{ name: name(part), title, state: "healthy", words: "healthy" },
    networks: networks.map(name),
  });
  const network = (title: string, callsOut = false) => ({ name: name(title), title, callsOut });
  const door = (port: number, title: string, access = "password", shortly = access) => ({
    ...{ address: "192.0.2.10", port, container: name("proxy"), from: "network" as const },
    door: { title, access, shortly },
  });
  const own = (port: number, part: string) => ({
    ...{ address: "127.0.0.1", port, container: name(part), from: "host" as const },
    door: undefined,
  });
  const backend = container("backend", "Backend", ["backend", "backend-db"]);
  return {
    ...{ host: "docker-1", version: "28.5.2" },
    containers: [
      container("proxy", "Proxy", ["edge", "kms", "backend", ...(kapow ? ["kapow"] : [])]),
      container("kms", "KMS", ["kms", "kms-db"]),
      ill ? { ...backend, state: "unwell", words: "exited" } : backend,
      container("kms-db", "KMS DB", ["kms-db"]),
      container("backend-db", "Backend DB", ["backend-db"]),
      ...(kapow ? [container("kapow", "Kapow!", ["kapow"])] : []),
      ...(acme
        ? [
            container("acme", "Renewal", ["acme"]),
            container("acme-challenge", "ACME reply", ["acme-challenge"]),
          ]
        : []),
    ],
    networks: [
      ...[network("edge", true), network("kms"), network("kms-db")],
      ...[network("backend"), network("backend-db")],
      ...(kapow ? [network("kapow")] : []),
      ...(acme ? [network("acme", true), network("acme-challenge", true)] : []),
    ],
    ports: [
      ...[door(5002, "KMS"), door(5001, "Backend", "password or certificate", "either")],
      ...[own(5012, "kms"), own(5011, "backend")],
      ...(kapow ? [door(5443, "Kapow!", "certificate")] : []),
      ...(acme ? [{ ...door(80, "ACME", "nothing"), container: name("acme-challenge") }] : []),
    ],
  };
}
