/** Asks the engine for what the page shows of a stack beside the doctor's findings. */
import { dockerName, label, PROXY } from "../../../names/docker.ts";
import type { Docker } from "../../../programs/docker/docker.ts";
import { eachLogLine } from "../../../programs/docker/logLines.ts";
import { doorsOf } from "../../../settings/listeners.ts";
import type { Settings } from "../../../settings/types.ts";
import type { Session } from "../../../stack/session.ts";
import type { CertificateFacts } from "../certificates.ts";
import type { Finding } from "../finding.ts";
import { callersOf, overlapsOf } from "./facts/callers.ts";
import { endsOf } from "./facts/ends.ts";
import {
  type InspectedContainer,
  type InspectedNetwork,
  type OnEngine,
  topologyOf,
} from "./facts/topology.ts";
import { TrafficCount } from "./facts/traffic.ts";
import type { Backup, Deployed, EngineFacts, Report, Traffic } from "./model.ts";

/** What the doctor knows of a deployed stack when it has looked. */
export interface StackFacts {
  readonly settings: Settings;
  readonly deployment: string;
  readonly certificates: CertificateFacts;
  /** The names of the containers that the state has. */
  readonly containers: readonly string[];
  /** @default none, and none is needed */
  readonly backup?: Backup;
}

/** An hour of a busy proxy is read in a few seconds; more than this tells nothing new. */
const HOUR = { since: "61m", lines: 200_000, bytes: 128 * 2 ** 20, seconds: 15 };

export async function gather(
  session: Pick<Session, "docker" | "stack">,
  findings: readonly Finding[],
  facts: StackFacts | undefined,
): Promise<Report> {
  const { docker, stack } = session;
  const format = '{"host":{{json .Name}},"version":{{json .ServerVersion}}}';
  const engine = JSON.parse(await docker.run(["info", "--format", format])) as EngineFacts;
  const time = new Date();
  const deployed = facts && (await lookAtDeployed(docker, stack, engine, facts, time));
  return { stack, time, engine, findings, deployed };
}

async function lookAtDeployed(
  docker: Docker,
  stack: string,
  engine: EngineFacts,
  { settings, deployment, certificates, containers, backup }: StackFacts,
  now: Date,
): Promise<Deployed> {
  const traffic = await lookAtTraffic(docker, dockerName(stack, PROXY), settings, now);
  const there = await lookAtThings(docker, engine, deployment, containers);
  return {
    topology: topologyOf([there], settings),
    ends: endsOf({ ...certificates, now }),
    warnDays: settings.certificates.warnDays,
    overlaps: overlapsOf(settings, now),
    users: callersOf(settings.users, traffic),
    clients: callersOf(settings.clients, traffic),
    backup,
    traffic,
  };
}

async function lookAtThings(
  docker: Docker,
  engine: EngineFacts,
  deployment: string,
  expected: readonly string[],
): Promise<OnEngine> {
  const inspect = async <T>(kind: "container" | "network"): Promise<readonly T[]> => {
    const ids = await docker.labelled(kind, label("deployment", deployment));
    const found = await Promise.all(ids.map((id) => docker.inspect<T>(kind, id)));
    return found.filter((one) => one !== undefined);
  };
  const [containers, networks] = await Promise.all([
    inspect<InspectedContainer>("container"),
    inspect<InspectedNetwork>("network"),
  ]);
  return { ...engine, containers, networks, expected };
}

async function lookAtTraffic(
  docker: Docker,
  proxy: string,
  settings: Settings,
  now: Date,
): Promise<Traffic | undefined> {
  const count = new TrafficCount(
    now,
    doorsOf(settings).map(({ name }) => name),
    [...settings.users, ...settings.clients].map(({ name }) => name),
  );
  const read = await eachLogLine(docker, proxy, HOUR, (line) => count.add(line));
  return read && count.result(read.cut !== undefined);
}
