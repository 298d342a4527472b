/** The volumes that a stack keeps, as its state and the engine have them: looked at before Pulumi runs. */
import { dockerName, label, labelTemplate } from "../names/docker.ts";
import { memberName, NAME, nameIn, ownerName } from "../names/resources.ts";
import { COMMAND, VOLUME } from "../names/types.ts";
import { kmsKeyFiles } from "../render/kmsConfig.ts";
import { idleKeys, type Trouble } from "../render/keptVolumes.ts";
import { keptPart, keptParts } from "../settings/keptParts.ts";
import type { Settings } from "../settings/types.ts";
import { UserError } from "../programs/errors.ts";
import { troublesOf, volumeRecord, type Watched } from "../programs/volumes/kept.ts";
import type { Session } from "./session.ts";
import type { ExportedResource, StackState } from "./state.ts";

/** How it stands with what a stack keeps; a sentence each. */
export interface KeptData {
  /** What would be lost, and stops every run. */
  readonly refused: readonly string[];
  /** What the operator has given up, and the next `up` makes anew. */
  readonly permitted: readonly string[];
  /** Entries of `cybexp:lost` that are to be removed. */
  readonly idle: readonly string[];
  /** The volumes that the first two are about. */
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
  if (watched.length === 0) {
    return nothingKept;
  }
  const lost = [...settings.lost];
  const { stack, engine } = session;
  const keeper = { stack, deployment: state.deployment, lost, dockerHost: engine.host };
  const troubles = await troublesOf(session.docker, watched, keeper);
  const texts = (permitted: boolean) =>
    troubles.filter((trouble) => trouble.permitted === permitted).map(({ text }) => text);
  return {
    refused: texts(false),
    permitted: texts(true),
    idle: idleKeys(watched, troubles, keeper),
    volumes: troubles.map(({ kept }: Trouble) => kept.volume),
  };
}

/** Of a stack that its state does not know: whether the engine has data of one with its name. */
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
          `the engine has the data of a stack ${stack} (${volumes.join(", ")}; deployment ${found[0]?.[1]}), and its state knows nothing of it: ` +
            "the passwords and the id that belong to the data are in the state that made it. " +
            `Restore that state from a backup, or set cybexp:state.backend in Pulumi.${stack}.yaml (or PULUMI_BACKEND_URL) to where it is (docs/data.md). ` +
            `If nobody needs the data any more: \`docker volume rm ${volumes.join(" ")}\``,
        ];
  return { ...nothingKept, refused, volumes };
}

/** @throws UserError for data that would be lost; what is given up and what is idle the program says itself. */
export function requireKeptData({ refused }: KeptData): void {
  if (refused.length > 0) {
    throw new UserError(refused.join("\n       "));
  }
}

/** The volumes that the state knows of and the stack keeps, by the names that it now gives them. */
export function watchedIn(state: StackState, stack: string, settings: Settings): Watched[] {
  if (settings.throwaway) {
    return [];
  }
  const { resources } = state;
  return Object.keys(keptParts).flatMap((part) => {
    const record = recordOf(part, resources);
    // Whatever a run made of it tells that it was there, even if Pulumi's refresh has dropped the volume.
    const known = record !== undefined || resources.some((resource) => isOf(part, resource));
    const keys = keptPart(part).keys ?? false;
    // Before there were seals, a stack that was served had its keys.
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
