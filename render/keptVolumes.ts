/** Whether a stack's kept volumes are still the ones that it made, and what to say if not. */
import { labelNames, type Owner, ownLabels } from "../names/docker.ts";
import { KEY_FILES, keptPart, markFile, UNMARKED } from "../settings/keptParts.ts";

/** An engine: what it calls itself, and how it is reached. Clones of a machine share its id. */
export interface EngineName {
  readonly id: string;
  readonly name: string;
  /** As in DOCKER_HOST; absent if it is the command line's own default. */
  readonly host?: string | undefined;
}

/** What the state remembers of a kept volume. */
export interface VolumeRecord {
  /** The volume's name when it was recorded. */
  readonly volume: string;
  readonly mark: string;
  readonly engine: EngineName;
}

/** A volume that the stack keeps. */
export interface KeptVolume {
  /** The last part of its name, such as `kms-secrets`. */
  readonly part: string;
  /** Its name, according to the stack's present name. */
  readonly volume: string;
  /** Undefined if the state knows the volume but no `up` has marked it yet. */
  readonly record?: VolumeRecord | undefined;
}

/** What the engine has under that name. */
export interface FoundVolume {
  /** Its label `<labels>.deployment`. */
  readonly deployment: string | undefined;
  readonly mark: string | undefined;
  /** Key files that it once had and has lost. */
  readonly missingKeys: readonly string[];
  /** Whether a restore was interrupted while it replaced what is in it. @default false */
  readonly restoring?: boolean;
}

/** The stack that keeps them. */
export interface Keeper extends Owner {
  readonly stack: string;
  /** The engine that was asked. */
  readonly engine: EngineName;
  /** `cybexp:lost`: what the operator has given up, as `PART@MARK`. */
  readonly lost: readonly string[];
}

export type TroubleKind =
  | "missing"
  | "elsewhere"
  | "renamed"
  | "foreign"
  | "unmarked"
  | "another"
  | "restoring"
  | "emptied";

/** A kept volume that is not what the state remembers. */
export interface Trouble {
  readonly kept: KeptVolume;
  readonly kind: TroubleKind;
  /** Whether the operator has said that it is gone for good. */
  readonly permitted: boolean;
  /** What is wrong, what is lost by it, and what to do. */
  readonly text: string;
}

/** What to write into `cybexp:lost` to give a volume up. */
export function lossKey({ part, record }: KeptVolume): string {
  return `${part}@${record?.mark ?? UNMARKED}`;
}

/** A volume of somebody else's can't be used; a renamed one, and one that is being restored, are not lost. */
const NEVER_LOST: readonly TroubleKind[] = ["foreign", "renamed", "restoring"];

/** What is wrong with a kept volume; undefined if it is the one that the state remembers. */
export function troubleWith(
  kept: KeptVolume,
  found: FoundVolume | undefined,
  keeper: Keeper,
): Trouble | undefined {
  const kind = kindOf(kept, found, keeper);
  if (kind === undefined) {
    return undefined;
  }
  const permitted = !NEVER_LOST.includes(kind) && keeper.lost.includes(lossKey(kept));
  const text = permitted ? givenUp(kept) : refusal(kind, kept, found, keeper);
  return { kept, kind, permitted, text };
}

function kindOf(
  { volume, record }: KeptVolume,
  found: FoundVolume | undefined,
  { deployment, engine }: Keeper,
): TroubleKind | undefined {
  if (found === undefined) {
    if (record !== undefined && record.volume !== volume) {
      return "renamed";
    }
    return record === undefined || isSame(record.engine, engine) ? "missing" : "elsewhere";
  }
  if (found.deployment !== deployment) {
    return "foreign";
  }
  if (record !== undefined && found.mark !== record.mark) {
    return found.mark === undefined ? "unmarked" : "another";
  }
  return found.restoring ? "restoring" : found.missingKeys.length > 0 ? "emptied" : undefined;
}

const isSame = (a: EngineName, b: EngineName) => a.id === b.id && a.host === b.host;

const shown = ({ name, host }: EngineName) => (host === undefined ? name : `${name} (${host})`);

/** The message of the `up` that gives a volume up. */
function givenUp({ part, volume }: KeptVolume): string {
  const { has, lost } = keptPart(part);
  return `${has} in ${volume} are given up, as cybexp:lost says. ${lost}`;
}

function refusal(
  kind: TroubleKind,
  kept: KeptVolume,
  found: FoundVolume | undefined,
  keeper: Keeper,
): string {
  const { has, loss } = keptPart(kept.part);
  const { volume, record } = kept;
  const { stack, engine } = keeper;
  const file = `Pulumi.${stack}.yaml`;
  const mark = markFile(keeper.labels);
  const label = labelNames(keeper.labels).deployment;
  const giveUp =
    `If it is gone for good, set cybexp:lost in ${file} to [${lossKey(kept)}]: ` +
    "that permits this one loss and no later one.";
  const files =
    record === undefined ? "the backup's files" : `the backup's files, ${mark} among them,`;
  const restore = `Restore it from a backup: \`${createCommand(kept, keeper)}\`, then copy ${files} into it (docs/data.md).`;
  switch (kind) {
    case "missing":
      return `the volume ${volume} with ${has} is gone from the engine ${shown(engine)}. ${loss} ${restore} ${giveUp}`;
    case "elsewhere":
      return (
        `the engine ${shown(engine)} has no volume ${volume}, which has ${has}: it was made on the engine ${shown(record?.engine ?? engine)}. ` +
        `${loss} Set docker:host in ${file} (or DOCKER_HOST) back to that engine, or move the volume to this one (docs/data.md). ${giveUp}`
      );
    case "renamed":
      return (
        `the stack is called ${stack} now, and the volume with ${has} is still called ${record?.volume}. ${loss} ` +
        `Give the stack its name back: \`STACK=${stack} npm run pulumi -- stack rename ${nameBefore(kept, stack)}\`; ` +
        "or copy the volumes to their new names first (docs/data.md)."
      );
    case "foreign":
      return (
        `the volume ${volume} should have ${has}, and is not this stack's (${
          found?.deployment === undefined
            ? `it has no label ${label}`
            : `its label ${label} is ${found.deployment}`
        }; this stack's is ${keeper.deployment}). ${loss} ` +
        `Docker can't change a label: copy what is in it elsewhere, remove it, make it again by \`${createCommand(kept, keeper)}\`, ` +
        "and copy this stack's files into it (docs/data.md)."
      );
    case "unmarked":
      return (
        `the volume ${volume} is not the one that had ${has}: it has no ${mark}. Somebody made an empty one of that name, ` +
        `or restored a backup without that file. ${loss} Copy the files of a backup into it, ` +
        `${mark} among them (docs/data.md). ${giveUp}`
      );
    case "another":
      return (
        `the volume ${volume} is not the one that had ${has}: its mark is ${found?.mark}, and ${record?.mark} is the one that was recorded. ` +
        `${loss} Put the right volume back from a backup (docs/data.md). ${giveUp}`
      );
    case "restoring":
      return `${halfRestored(stack)}: \`${restoreCommand(stack)}\` puts the old data back`;
    case "emptied":
      return (
        `the volume ${volume} has lost ${has}: ${found?.missingKeys.join(", ")} ${found?.missingKeys.length === 1 ? "is" : "are"} not in it any more. ` +
        `${loss} Copy them back from a backup (docs/data.md). ${giveUp}`
      );
  }
}

/** The beginning of every sentence about it. */
export const halfRestored = (stack: string): string =>
  `a restore of ${stack} was interrupted, so its records and keys may not fit together`;

const restoreCommand = (stack: string) =>
  `${stack === "dev" ? "" : `STACK=${stack} `}npm run restore -- --undo`;

/** What the stack was called when the volume was recorded: volumes are `<prefix>-<stack>-<part>`. */
function nameBefore({ part, volume, record }: KeptVolume, stack: string): string {
  const prefix = volume.length - `${stack}-${part}`.length;
  return (record?.volume ?? "").slice(prefix, -(part.length + 1));
}

/** The command that makes the volume as the stack would, but empty. */
function createCommand(
  { part, volume }: KeptVolume,
  { stack, deployment, labels }: Keeper,
): string {
  const own = Object.entries(ownLabels({ labels, deployment, role: part, stack }));
  return `docker volume create ${own.map(([name, value]) => `--label ${name}=${value}`).join(" ")} ${volume}`;
}

/**
 * What to say about entries of `cybexp:lost` that have no loss to permit. The operator should remove an entry that
 * has done its work, and also one that would permit a loss that has not happened.
 */
export function idleKeys(
  volumes: readonly KeptVolume[],
  troubles: readonly Trouble[],
  { stack, lost }: Pick<Keeper, "stack" | "lost">,
): string[] {
  return (
    lost
      // Those of key files are judged with the files.
      .filter(
        (entry) =>
          !entry.startsWith(`${KEY_FILES}@`) &&
          !troubles.some(({ kept, permitted }) => permitted && lossKey(kept) === entry),
      )
      .map((entry) => {
        const well = volumes.some((kept) => lossKey(kept) === entry);
        return (
          `cybexp:lost has ${entry}: ` +
          (well
            ? "that volume is there, and the key would permit its loss"
            : "the stack has no such volume any more, so the key has done its work") +
          `; remove it from Pulumi.${stack}.yaml`
        );
      })
  );
}
