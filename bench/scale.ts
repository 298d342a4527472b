/** Measures how long a preview takes with up to 300 users and clients, and what each of them costs. */
import { cpus } from "node:os";
import { Project, type Result } from "../test/integration/project.ts";
import { UserError } from "../programs/errors.ts";
import { growth, type Point } from "./growth.ts";
import { table } from "./table.ts";

interface Size {
  readonly users: number;
  readonly clients: number;
}

/** The first and last size separate the cost of users from that of clients. */
const SIZES: readonly Size[] = [
  { users: 1, clients: 0 },
  { users: 10, clients: 10 },
  { users: 100, clients: 100 },
  { users: 300, clients: 300 },
  { users: 300, clients: 0 },
];

/** The fastest run counts, because other work on the machine can only add time. */
const RUNS = 3;

interface Measured extends Size {
  /** The time of each run, in ms. */
  readonly times: readonly number[];
}

/**
 * Writes the state only once, at the end. By default, Pulumi writes all of it after each resource, so that
 * an `up` that creates hundreds of resources takes many minutes.
 */
const ONE_CHECKPOINT = { PULUMI_EXPERIMENTAL: "true", PULUMI_SKIP_CHECKPOINTS: "true" };

/** The columns of the table. */
const KINDS = {
  empty: "preview of an empty state",
  pulumi: "preview without a change",
  npm: "npm run preview",
  up: "up from the previous row, state written once",
} as const;
type Kind = keyof typeof KINDS;

/** `npm run bench -- scale` */
export async function scale(): Promise<void> {
  const project = await Project.create();
  const measured: Record<Kind, Measured[]> = { empty: [], pulumi: [], npm: [], up: [] };
  const measure = async (kind: Kind, size: Size, runs: number, run: () => Promise<Result>) => {
    say(`- ${size.users} users, ${size.clients} clients: ${KINDS[kind]} ...`);
    const times: number[] = [];
    for (let count = 0; count < runs; count++) {
      const start = performance.now();
      const { code, output } = await run();
      times.push(performance.now() - start);
      if (code !== 0) {
        throw new UserError(output);
      }
    }
    measured[kind].push({ ...size, times });
  };

  try {
    await project.npm("pulumi", "stack", "init", project.stack);
    for (const size of SIZES) {
      configure(project, size);
      await measure("empty", size, RUNS, () => project.pulumi("preview"));
    }
    for (const size of SIZES) {
      configure(project, size);
      project.env = ONE_CHECKPOINT;
      await measure("up", size, 1, () => project.npm("up"));
      project.env = {};
      await measure("pulumi", size, RUNS, () => project.pulumi("preview", "--expect-no-changes"));
      await measure("npm", size, RUNS, () => project.npm("preview"));
    }
  } finally {
    say(`- Removing ${project.stack} ...`);
    await project.remove();
  }
  say(
    `\nOn ${cpus().length} processors; fastest, median and slowest of ${RUNS} runs, in seconds:\n`,
  );
  say(`${tableOf(measured)}\n`);
  for (const kind of ["empty", "pulumi", "npm"] as const) {
    say(`${KINDS[kind]}: ${sentence(measured[kind])}`);
  }
}

const say = (line: string) => void process.stdout.write(`${line}\n`);

function configure(project: Project, { users, clients }: Size): void {
  const names = (kind: string, count: number) =>
    Array.from({ length: count }, (_, index) => ({ name: `${kind}-${index + 1}` }));
  project.configure((config) => {
    Object.assign(config["cybexp:kms"] as object, { access: "either" });
    config["cybexp:users"] = names("user", users);
    config["cybexp:clients"] = names("client", clients);
  });
}

function tableOf(measured: Readonly<Record<Kind, readonly Measured[]>>): string {
  const kinds = Object.keys(KINDS) as Kind[];
  const rows = SIZES.map((size, row) => [
    `${size.users} users, ${size.clients} clients`,
    ...kinds.map((kind) => spread(measured[kind][row]?.times ?? [])),
  ]);
  return table(["", ...kinds.map((kind) => KINDS[kind])], rows);
}

function spread(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const seconds = (index: number) => ((sorted[index] ?? NaN) / 1000).toFixed(1);
  return sorted.length === 1
    ? seconds(0)
    : [0, Math.floor(sorted.length / 2), sorted.length - 1].map(seconds).join(" ");
}

function sentence(measured: readonly Measured[]): string {
  const points = measured.map((m): Point => ({ ...m, ms: Math.min(...m.times) }));
  const { baseMs, msPerUser, msPerClient, r2 } = growth(points);
  return (
    `${msPerUser.toFixed(1)} ms for each user and ${msPerClient.toFixed(1)} ms for each client, ` +
    `on top of ${(baseMs / 1000).toFixed(1)} s (R² ${r2.toFixed(4)}; 1 is a straight line)`
  );
}
