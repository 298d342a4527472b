/** The parts of a stack whose data can't be made again, and what each means to the operator. */
import { databaseRole, dataVolume, KMS_KEYS, type ServiceRole, SERVICES } from "../names/docker.ts";

/**
 * The file that identifies a kept volume. A name or a label can't: another volume can have the same.
 *
 * @param labels What the names of its deployment's labels begin with.
 */
export const markFile = (labels: string): string => `.${labels}-volume`;

/** Beside it, once a service has made its keys: the names of their files, as JSON. */
export const SEAL_FILE = ".cybexp-keys";

/** In the volume of the KMS's keys while a restore replaces data: what was in use before, as JSON. */
export const RESTORE_FILE = ".cybexp-restore";

/** Whether a file in a kept volume is the stack's own, and not its service's. */
export const isMarkFile = (path: string): boolean => path.startsWith(".cybexp-");

/** Stands for the mark of a volume that is older than marks. */
export const UNMARKED = "unmarked";

/** Stands for the KMS's key files in `cybexp:lost`, where their volume is there and the keys are others. */
export const KEY_FILES = "kms-keys";

/** A mark: 48 random bits. */
export const MARK = /^[0-9a-f]{12}$/;

/** What a kept volume means. */
export interface KeptPart {
  /** What is in it, such as "the KMS's keys". */
  readonly has: string;
  /** Whether its service makes keys in it, which the volume must have from then on. */
  readonly keys?: true;
  /** What losing it would mean, as a sentence. */
  readonly loss: string;
  /** The same, once the operator has accepted the loss. */
  readonly lost: string;
}

/** The kept parts of a CYBEX-P stack, by the last part of their volume's name. */
export const keptParts: Readonly<Record<string, KeptPart>> = {
  [KMS_KEYS]: {
    has: "the KMS's keys",
    keys: true,
    loss:
      "The KMS would make new ones, and every stored record would stay unreadable for good, " +
      "although the databases still have it.",
    lost: "The KMS makes new ones. Every stored record stays unreadable for good, although the databases still have it.",
  },
  [dataVolume(databaseRole("kms"))]: {
    has: "the KMS's accounts",
    loss: "Every account and its attributes would be gone, and every token would be refused.",
    lost: "Every account and its attributes are gone, and every token is refused.",
  },
  [dataVolume(databaseRole("backend"))]: {
    has: "the Backend's records",
    loss: "Every stored record would be gone.",
    lost: "Every stored record is gone.",
  },
};

/** The kept parts that a stack has. A database outside of the stack has its data elsewhere. */
export function keptPartsOf({
  database,
}: {
  readonly database: { readonly uri?: { readonly [service in ServiceRole]?: string } };
}): string[] {
  const elsewhere = SERVICES.filter((service) => database.uri?.[service] !== undefined).map(
    (service) => dataVolume(databaseRole(service)),
  );
  return Object.keys(keptParts).filter((part) => !(elsewhere as string[]).includes(part));
}

/**
 * The volumes of databases that the stack is to run again, and whose service was allowed to leave the one that it
 * has: they are new, although the stack is not. As entries of `cybexp:lost`.
 */
export function returningParts({
  database,
}: {
  readonly database: {
    readonly uri?: { readonly [service in ServiceRole]?: string };
    readonly left?: readonly string[];
  };
}): string[] {
  return SERVICES.filter(
    (service) =>
      database.uri?.[service] === undefined &&
      database.left?.some((entry) => entry.startsWith(`${service}@`) && entry !== `${service}@own`),
  ).map((service) => `${dataVolume(databaseRole(service))}@${UNMARKED}`);
}

/** What a part means; also one that another program has added. */
export function keptPart(part: string): KeptPart {
  return (
    keptParts[part] ?? {
      has: `the data of ${part}`,
      loss: "All of it would be gone.",
      lost: "All of it is gone.",
    }
  );
}
