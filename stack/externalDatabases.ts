/** Checks, before Pulumi runs, the databases that the stack does not run, and every move from or to one. */
import {
  databaseRole,
  dataVolume,
  dockerName,
  SERVICES,
  type ServiceRole,
  SPOKEN,
} from "../names/docker.ts";
import { isPartOf, nameIn } from "../names/resources.ts";
import { COMMAND, COMPONENT, CONTAINER } from "../names/types.ts";
import {
  type DatabaseAnswer,
  databaseRemarks,
  documentsIn,
  refusedDatabase,
} from "../render/databaseAnswer.ts";
import { moveRemark, refusedMove } from "../render/databaseMove.ts";
import { placeOf, type ResolvedHosts } from "../render/serviceUri.ts";
import { OWN } from "../settings/databaseKeys.ts";
import { type DatabaseUri, readDatabaseUri } from "../settings/databaseUri.ts";
import { DATA } from "../settings/services.ts";
import type { Settings } from "../settings/types.ts";
import { askFromEngine } from "../programs/database/askDatabase.ts";
import { askedDatabase, reached, type Reached } from "../programs/database/externalDatabase.ts";
import { resolveHosts } from "../programs/database/resolveHosts.ts";
import { UserError } from "../programs/errors.ts";
import { here } from "../programs/npmRun.ts";
import type { Drift } from "./driftRepairs.ts";
import type { Session } from "./session.ts";
import { type ExportedResource, type StackState } from "./state.ts";
import { ours } from "../names/docker.ts";

export interface ExternalDatabases {
  /** What ends every run, as sentences. */
  readonly refused: readonly string[];
  /** Moves that the operator has allowed. */
  readonly moves: readonly string[];
  /** What may go wrong soon. */
  readonly remarks: readonly string[];
  /** Entries of `cybexp:database.left` that do nothing any more. */
  readonly idle: readonly string[];
  /** Resources that a move takes out of the state, and that are protected. */
  readonly leaving: readonly string[];
  /** Hosts that DNS names differently now. */
  readonly drift: readonly Drift[];
}

const NOTHING: ExternalDatabases = {
  refused: [],
  moves: [],
  remarks: [],
  idle: [],
  leaving: [],
  drift: [],
};

/** Looks at them from the engine, and changes nothing. */
export async function lookAtExternalDatabases(
  session: Session,
  state: StackState,
  settings: Settings,
): Promise<ExternalDatabases> {
  const { uri: uris = {}, left = [] } = settings.database;
  const concerned = SERVICES.filter(
    (service) => uris[service] !== undefined || reachOf(state.resources, service) !== undefined,
  );
  if (concerned.length === 0) {
    return { ...NOTHING, idle: left.map(idleSentence) };
  }
  const inClear = state.deployment === undefined ? [] : await state.inClear();
  const looks = await Promise.all(
    concerned.map((service) => {
      const text = uris[service];
      const past = { state, last: lastOf(inClear, service) };
      return text === undefined
        ? lookAtReturn(session, settings, service, past)
        : lookAt(session, settings, service, readDatabaseUri(text), past);
    }),
  );
  const used = new Set(looks.flatMap(({ word }) => word ?? []));
  return {
    refused: looks.flatMap(({ refused }) => refused ?? []),
    moves: looks.flatMap(({ moves = [] }) => moves),
    remarks: looks.flatMap(({ remarks = [] }) => remarks),
    idle: left.filter((entry) => !used.has(entry)).map(idleSentence),
    leaving: looks.flatMap(({ leaving = [] }) => leaving),
    drift: looks.flatMap(({ drift = [] }) => drift),
  };
}

const idleSentence = (entry: string) =>
  `cybexp:database.left: ${entry} allows nothing that is still to be done: remove it`;

interface Look extends Partial<Omit<ExternalDatabases, "refused" | "idle">> {
  readonly refused?: string;
  /** The entry of `cybexp:database.left` that it needs. */
  readonly word?: string;
}

interface Past {
  readonly state: StackState;
  readonly last: Reached | undefined;
}

async function lookAt(
  session: Session,
  settings: Settings,
  service: ServiceRole,
  uri: DatabaseUri,
  { state, last }: Past,
): Promise<Look> {
  const { database: databaseSettings, throwaway } = settings;
  const { database, collections } = DATA[service](settings[service].config);
  const place = placeOf(uri, database);
  let hosts: ResolvedHosts;
  let answer: DatabaseAnswer;
  const { image } = settings[service];
  try {
    hosts = await resolveHosts(uri);
    if ((await session.docker.inspect("image", image)) === undefined) {
      return {}; // Nobody can ask yet. The program does, once it has the image.
    }
    answer = await askFromEngine(session.docker, {
      ...{ uri, hosts, database, collections, image },
      ...(databaseSettings.ca !== undefined && { ca: databaseSettings.ca }),
      addresses: databaseSettings.hosts ?? [],
      ...ours(state.deployment ?? "none yet"),
    });
  } catch (error) {
    if (error instanceof UserError) {
      return { refused: error.message };
    }
    throw error;
  }
  const about = { service: SPOKEN[service], database, ca: databaseSettings.ca };
  const asked = askedDatabase(about, uri, hosts);
  const own = ownParts(state.resources, service);
  const before = last?.place ?? (own.length > 0 ? OWN : undefined);
  const move = {
    ...{ service, spoken: SPOKEN[service], place, before, throwaway },
    documents: documentsIn(answer),
    remembered: last?.place === place ? last.documents : undefined,
    left: databaseSettings.left ?? [],
  };
  const refused = refusedDatabase(asked, answer) ?? refusedMove(move);
  const moved = moveRemark(move);
  return {
    ...(refused !== undefined && { refused }),
    remarks: databaseRemarks(asked, answer),
    ...(before !== undefined &&
      (before !== place || move.documents === 0) && { word: `${service}@${before}` }),
    moves: moved === undefined ? [] : [moved],
    leaving: own.filter(({ protect }) => protect === true).map(({ urn }) => urn),
    drift: last?.place === place ? driftOfHosts(state.resources, service, last, hosts) : [],
  };
}

/** A service that goes back to a database that the stack runs, which is a new one. */
async function lookAtReturn(
  session: Session,
  { database, throwaway }: Settings,
  service: ServiceRole,
  { state, last }: Past,
): Promise<Look> {
  const volume = dockerName(session.stack, dataVolume(databaseRole(service)));
  const before = last?.place ?? "";
  const move = {
    ...{ service, spoken: SPOKEN[service], place: OWN, before, throwaway },
    ...{ documents: 0, remembered: undefined, left: database.left ?? [] },
  };
  const old = (await session.docker.inspect("volume", volume)) !== undefined;
  const known = state.known.volume.has(volume);
  const refused =
    refusedMove(move) ??
    (old && !known
      ? `the volume ${volume} is still there from when the stack ran the ${SPOKEN[service]}'s database, and its passwords are not: ` +
        `if nobody needs it any more, run \`docker volume rm ${volume}\`; otherwise copy it under another name first`
      : undefined);
  const reach = reachOf(state.resources, service);
  return {
    ...(refused !== undefined && { refused }),
    word: `${service}@${before}`,
    moves: [moveRemark(move) ?? []].flat(),
    leaving: reach?.protect === true ? [reach.urn] : [],
  };
}

/** The command that has asked the service's database; undefined if the stack runs it. */
export function reachOf<R extends Pick<ExportedResource, "type" | "urn">>(
  resources: readonly R[],
  service: ServiceRole,
): R | undefined {
  return resources.find(
    ({ type, urn }) => type === COMMAND && nameIn(urn) === `${databaseRole(service)}-reach`,
  );
}

function lastOf(resources: readonly ExportedResource[], service: ServiceRole): Reached | undefined {
  const stdout = plain(reachOf(resources, service)?.outputs?.["stdout"]);
  return stdout === undefined || stdout === "" ? undefined : reached.parse(JSON.parse(stdout));
}

/** What a command printed. It is a secret to Pulumi, because the command's input is. */
function plain(stdout: unknown): string | undefined {
  const { plaintext } = (stdout ?? {}) as { plaintext?: string };
  return typeof stdout === "string"
    ? stdout
    : plaintext === undefined
      ? undefined
      : (JSON.parse(plaintext) as string);
}

/** What the stack has of a database that it runs for the service. */
function ownParts(resources: readonly ExportedResource[], service: ServiceRole) {
  const parts = resources.filter(
    ({ urn }) => isPartOf(COMPONENT[service], urn) && isPartOf(COMPONENT.database, urn),
  );
  return parts.some(({ type }) => type === CONTAINER) ||
    parts.some(({ protect }) => protect === true)
    ? parts
    : [];
}

function driftOfHosts(
  resources: readonly ExportedResource[],
  service: ServiceRole,
  last: Reached,
  now: ResolvedHosts,
): Drift[] {
  const text = ({ hosts, options }: ResolvedHosts) =>
    JSON.stringify([hosts.map(({ name, port }) => `${name}:${port}`), options]);
  const urn = reachOf(resources, service)?.urn;
  return urn === undefined || text(last) === text(now)
    ? []
    : [
        {
          urn,
          why: `DNS names other hosts of the ${SPOKEN[service]}'s database than before`,
          mend: "again",
        },
      ];
}

/** @throws UserError with everything that is wrong */
export function requireDatabases(found: ExternalDatabases): ExternalDatabases {
  if (found.refused.length > 0) {
    throw new UserError(found.refused.join("\n       "));
  }
  return found;
}

/** Prints what the operator should know before the run. */
export function announceDatabases({ moves, remarks, idle }: ExternalDatabases): void {
  for (const sentence of [...moves, ...remarks, ...idle]) {
    process.stderr.write(`note: ${sentence}\n`);
  }
}

/** Takes the protection from what an allowed move takes out of the state. The volume stays in Docker. */
export async function releaseLeaving(
  session: Session,
  { leaving }: ExternalDatabases,
): Promise<void> {
  for (const urn of leaving) {
    await session.ask(["state", "unprotect", urn, "--yes", "--stack", session.stack]);
    process.stdout.write(`- Released ${nameIn(urn)}, which the service leaves\n`);
  }
}

/** What `preview` says in place of Pulumi's own preview, which would stop at what is still protected. */
export const moveToCome = ({ moves }: ExternalDatabases): string =>
  `${moves.join("\n")}\nPulumi can't preview this, because what is left is still protected: \`${here("up")}\` releases it first. The volumes stay in Docker.\n`;
