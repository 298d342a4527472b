/** Compares the volumes that a stack keeps, in its state and on the engine, before Pulumi runs. */
import { dockerName, KMS_KEYS, label, labelTemplate, ours } from "../names/docker.ts";
import { memberName, NAME, nameIn, ownerName } from "../names/resources.ts";
import { COMMAND, VOLUME } from "../names/types.ts";
import { kmsKeyFiles } from "../render/kmsConfig.ts";
import { idleKeys, type Trouble } from "../render/keptVolumes.ts";
import { keptPart, keptParts, keptPartsOf } from "../settings/keptParts.ts";
import type { Settings } from "../settings/types.ts";
import { judgeKeys, type KeyRecord, type KeyVerdict } from "../render/kmsKeys.ts";
import { UserError } from "../programs/errors.ts";
import { keyFolder, keyRecord } from "../programs/kms/keyFiles.ts";
import { troublesOf, volumeRecord, type Watched } from "../programs/volumes/kept.ts";
import type { Session } from "./session.ts";
import type { ExportedResource, StackState } from "./state.ts";

/** Problems with the data that a stack keeps, as sentences. */
export interface KeptData {
  /** Data that would be lost. This stops every run. */
  readonly refused: readonly string[];
  /** Data that the operator has given up. The next `up` starts without it. */
  readonly permitted: readonly string[];
  /** Entries of `cybexp:lost` that the operator should remove. */
  readonly idle: readonly string[];
  /** The volumes that `refused` and `permitted` are about. */
  readonly volumes: readonly string[];
}

export const nothingKept: KeptData = { refused: [], permitted: [], idle: [], volumes: [] };

/** Looks at the engine and the state, and changes neither. */
export async function lookAtKeptData(
  session: Pick<Session, "docker" | "engine" | "stack">,
  state: StackState,
  settings: Settings,
): Promise<KeptData> {
  if (state.deployment === undefined) {
    return settings.throwaway ? nothingKept : await lookForLostState(session);
  }
  const watched = watchedIn(state, session.stack, settings);
  const lost = [...settings.lost];
  const { stack, engine } = session;
  const keeper = { stack, ...ours(state.deployment), lost, dockerHost: engine.host };
  const troubles = watched.length === 0 ? [] : await troublesOf(session.docker, watched, keeper);
  const texts = (permitted: boolean) =>
    troubles.filter((trouble) => trouble.permitted === permitted).map(({ text }) => text);
  const keys = troubles.some(({ kept }) => kept.part === KMS_KEYS)
    ? undefined
    : await lookAtKeys(session, state, settings);
  return {
    refused: [...texts(false), ...(keys?.refused ?? [])],
    permitted: [...texts(true), ...(keys?.permitted ?? [])],
    idle: [
      ...(watched.length === 0 ? [] : idleKeys(watched, troubles, keeper)),
      ...(keys?.idle ?? []),
    ],
    volumes: troubles.map(({ kept }: Trouble) => kept.volume),
  };
}

/** The fingerprints of the KMS's keys that an `up` recorded; undefined if none did. */
export function recordedKeys({ resources }: StackState): KeyRecord | undefined {
  const program = resources.find(
    ({ type, urn }) => type === COMMAND && nameIn(urn) === NAME.kmsKeys,
  );
  const stdout = program?.outputs?.["stdout"];
  // Empty after a restore: what the KMS has then is what the operator wants.
  return typeof stdout === "string" && stdout !== ""
    ? keyRecord.parse(JSON.parse(stdout))
    : undefined;
}

/** Whether the KMS's keys are those that the state remembers; undefined if it has no volume for them. */
async function lookAtKeys(
  { docker, stack }: Pick<Session, "docker" | "stack">,
  state: StackState,
  { kms, lost }: Settings,
): Promise<KeyVerdict | undefined> {
  const volume = dockerName(stack, KMS_KEYS);
  const files = kmsKeyFiles(kms.config);
  const folder = await keyFolder(docker, volume, { ...ours(state.deployment ?? ""), files });
  const where = `the volume ${volume}`;
  return folder && judgeKeys(folder, { files, record: recordedKeys(state), lost, where, stack });
}

/** For a stack without a state: whether the engine has data of a stack of that name. */
async function lookForLostState({
  docker,
  stack,
}: Pick<Session, "docker" | "stack">): Promise<KeptData> {
  const format = `{{.Name}}\t${labelTemplate("deployment")}`;
  const list = await docker.run([
    ...["volume", "ls", "--filter", `label=${label("stack", stack)}`, "--format", format],
  ]);
  const names = Object.keys(keptParts).map((part) => dockerName(stack, part));
  const found = list
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([name = "", deployment = ""]) => names.includes(name) && deployment !== "");
  const volumes = found.map(([name = ""]) => name);
  const refused =
    found.length === 0
      ? []
      : [
          `the engine has data of a stack ${stack} (${volumes.join(", ")}; deployment ${found[0]?.[1]}) that the stack's state does not know: ` +
            "the passwords and the id that belong to the data are in the state of the run that created it. " +
            `Restore that state from a backup, or set cybexp:state.backend in Pulumi.${stack}.yaml (or PULUMI_BACKEND_URL) to where it is (docs/data.md). ` +
            `If nobody needs the data any more, run \`docker volume rm ${volumes.join(" ")}\``,
        ];
  return { ...nothingKept, refused, volumes };
}

/** @throws UserError for data that would be lost. The program itself reports the other two kinds. */
export function requireKeptData({ refused }: KeptData): void {
  if (refused.length > 0) {
    throw new UserError(refused.join("\n       "));
  }
}

/** The volumes that the state has and the stack keeps, under their present names. */
export function watchedIn(state: StackState, stack: string, settings: Settings): Watched[] {
  if (settings.throwaway) {
    return [];
  }
  const { resources } = state;
  return keptPartsOf(settings).flatMap((part) => {
    const record = recordOf(part, resources);
    // Any trace in the state shows that the volume existed, even if Pulumi's refresh has dropped it.
    const known = record !== undefined || resources.some((resource) => isOf(part, resource));
    const keys = keptPart(part).keys ?? false;
    // From before seals existed: a stack whose smoke check passed had its keys.
    const needed =
      keys && record === undefined && isServed(resources) ? kmsKeyFiles(settings.kms.config) : [];
    return known ? [{ part, volume: dockerName(stack, part), record, keys, needed }] : [];
  });
}

function recordOf(part: string, resources: readonly ExportedResource[]) {
  const resource = resources.find(
    ({ type, urn }) => type === COMMAND && nameIn(urn) === memberName(NAME.kept, part),
  );
  const stdout = resource?.outputs?.["stdout"];
  return typeof stdout === "string" ? volumeRecord.parse(JSON.parse(stdout)) : undefined;
}

function isOf(part: string, { type, urn, inputs }: ExportedResource): boolean {
  return (
    (type === VOLUME && String(inputs?.["name"]).endsWith(`-${part}`)) ||
    (type === COMMAND && nameIn(urn) === ownerName(part))
  );
}

const isServed = (resources: readonly ExportedResource[]): boolean =>
  resources.some(({ type, urn }) => type === COMMAND && nameIn(urn) === NAME.smoke);
