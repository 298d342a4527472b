/**
 * Rotates every secret of a stack with a real `up` while its clients keep calling. No request may fail, and
 * no acknowledged record may be missing.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Deployed } from "../test/integration/deployed/deployed.ts";
import { Project } from "../test/integration/project.ts";
import { UserError } from "../programs/errors.ts";
import { withMongo } from "../programs/database/mongo.ts";
import { type Knowledge, Load, type Tally } from "./load.ts";
import { table } from "./table.ts";

/** Requests per second. */
const RATE = 200;

/** How long after an `up` clients learn its outputs, and how long they then use them. */
const LEARN_MS = 3000;
const REST_MS = 5000;

const SUPPLIED = "a password of the analyst's own";

interface Rotation {
  readonly title: string;
  readonly change: (project: Project) => void | Promise<void>;
  /** What `up` prints when the new secret takes effect. */
  readonly effect: RegExp;
}

const released = /^ {2}~ command proxy-release-delivery/m;

const setUsers = (collector: object, analyst: object) => (project: Project) =>
  project.configure((config) => {
    const [first, second] = config["cybexp:users"] as [object, object];
    config["cybexp:users"] = [
      { ...first, ...collector },
      { ...second, ...analyst },
    ];
  });
const setNumbers = (numbers: Readonly<Record<string, number>>) => (project: Project) =>
  project.configure((config) => {
    config["cybexp:rotation"] = { ...(config["cybexp:rotation"] as object), ...numbers };
  });

const ROTATIONS: readonly Rotation[] = [
  { title: "a user's password", change: setUsers({ generation: 2 }, {}), effect: released },
  {
    title: "a supplied password",
    change: async (project) => {
      setUsers({}, { generation: 2 })(project);
      const words = ["config", "set", "--secret", "--path", "cybexp:users[1].password"];
      const { code, output } = await project.feed(SUPPLIED, "pulumi", ...words);
      succeeded(code, output);
    },
    effect: released,
  },
  { title: "server certificate", change: setNumbers({ serverCertificate: 2 }), effect: released },
  { title: "server CA", change: setNumbers({ serverCa: 2 }), effect: released },
  {
    title: "KMS's token key",
    change: setNumbers({ kmsJwtKey: 2 }),
    effect: /^ {2}~ command kms-handover/m,
  },
  {
    title: "KMS's database",
    change: setNumbers({ kmsDatabase: 2 }),
    effect: /^ {2}~ command kms-db-retired-users/m,
  },
  {
    title: "Backend's database",
    change: setNumbers({ backendDatabase: 2 }),
    effect: /^ {2}~ command backend-db-retired-users/m,
  },
  {
    title: "old ones retired",
    change: (project) => {
      setUsers({ retired: 1 }, { retired: 1 })(project);
      setNumbers({ serverCaRetired: 1 })(project);
    },
    effect: released,
  },
];

/** In seconds from the start of `up`. */
interface Times {
  readonly effect: number;
  readonly end: number;
}

/** `npm run bench -- rotation`: the exit code is 1 if anything failed, is missing, or is not refused. */
export async function rotation(): Promise<void> {
  const project = await Project.create();
  const deployed = new Deployed(project);
  try {
    say(`- Deploying ${project.stack} ...`);
    await deployed.up();
    const old = knowledgeOf(deployed);

    const times = new Map<string, Times>();
    const load = new Load({ ...deployed.outputs, rate: RATE, knowledge: old }, "(no rotation)");
    let tallies: readonly Tally[] = [];
    try {
      await sleep(LEARN_MS + REST_MS);
      for (const { title, change, effect } of ROTATIONS) {
        say(`- Rotating under load: ${title} ...`);
        await change(project);
        load.begin(title);
        times.set(title, await timedUp(project, effect));
        await deployed.load();
        await sleep(LEARN_MS);
        load.learn(knowledgeOf(deployed));
        await sleep(REST_MS);
      }
    } finally {
      tallies = await load.end();
    }

    say(`\n${tableOf(tallies, times)}\n`);
    load.failures.forEach(say);
    const missing = await missingRecords(deployed, load.acknowledged);
    say(`${load.acknowledged.length} records were acknowledged; ${missing} of them are missing.`);
    const open = await stillOpen(deployed, old);
    say(open.length === 0 ? "What was retired is refused." : `NOT REFUSED: ${open.join(", ")}`);
    const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
    process.exitCode = failed === 0 && missing === 0 && open.length === 0 ? 0 : 1;
  } finally {
    say(`- Removing ${project.stack} ...`);
    await project.remove();
  }
}

const say = (line: string) => void process.stdout.write(`${line}\n`);

function succeeded(code: number, output: string): void {
  if (code !== 0) {
    throw new UserError(output);
  }
}

function knowledgeOf({ outputs }: Deployed): Knowledge {
  return { ca: outputs.serverCa, users: Object.values(outputs.users) };
}

async function timedUp(project: Project, effect: RegExp): Promise<Times> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const child = project.start("up");
  let heard = "";
  let inEffect: number | undefined;
  child.stdout?.on("data", (text) => {
    heard += String(text);
    if (effect.test(heard)) {
      inEffect ??= seconds();
    }
  });
  const { code, output } = await project.end(child);
  succeeded(code, output);
  if (inEffect === undefined) {
    throw new UserError(`\`up\` did not print ${effect.source}: ${output}`);
  }
  return { effect: inEffect, end: seconds() };
}

/** How many of the records the Backend's database does not have, by the digests that it stores. */
async function missingRecords(
  deployed: Deployed,
  acknowledged: readonly string[],
): Promise<number> {
  const [, password = ""] =
    [...deployed.secrets].findLast(([name]) => /^backend-db-password-2\b/.test(name)) ?? [];
  const stored = new Set<string>();
  await withMongo(
    {
      dockerHost: undefined,
      container: `cybexp-${deployed.project.stack}-backend-db`,
      user: "priv_backend-2",
      password,
    },
    async (client) => {
      const records = client.db("priv_backend").collection<{ index: string }>("enc_data");
      for await (const { index } of records.find({}, { projection: { index: 1 } })) {
        stored.add(index);
      }
    },
  );
  return acknowledged.filter((digest) => !stored.has(digest)).length;
}

/** Which old passwords and authorities still work. */
async function stillOpen(deployed: Deployed, old: Knowledge): Promise<string[]> {
  const open: string[] = [];
  for (const door of ["kms", "backend"] as const) {
    for (const credential of old.users) {
      const { status } = await deployed.call(door, "/", { credential });
      if (status !== 401) {
        open.push(`${door}: ${status} for the old password of ${credential.user}`);
      }
    }
    const trusting = deployed.call(door, "/", { ca: old.ca });
    await trusting.then(
      ({ status }) => open.push(`${door}: ${status} to a client that trusts only the old CA`),
      () => undefined,
    );
  }
  return open;
}

function tableOf(tallies: readonly Tally[], times: ReadonlyMap<string, Times>): string {
  const header = ["rotation", "in effect", "up", "requests", "failed", "slowest", "resets"];
  const seconds = (value: number | undefined) =>
    value === undefined ? "" : `${value.toFixed(1)} s`;
  return table(
    header,
    tallies.map(({ phase, requests, failed, slowestMs, resets }) => [
      phase,
      seconds(times.get(phase)?.effect),
      seconds(times.get(phase)?.end),
      String(requests),
      String(failed),
      `${Math.round(slowestMs)} ms`,
      String(resets),
    ]),
  );
}
