/** Reads and raises MongoDB's featureCompatibilityVersion. */
import { type Db, MongoNetworkError } from "mongodb";
import {
  type DatabaseVersion,
  featureStep,
  raiseFeatures,
  type UnfinishedChange,
} from "../../render/databaseStep.ts";
import { UserError } from "../errors.ts";

export interface FeatureFacts {
  readonly running: DatabaseVersion;
  /** Undefined where there is none. */
  readonly features: string | undefined;
  /** A change of them that was interrupted. */
  readonly unfinished?: UnfinishedChange | undefined;
}

/** The server's own document. While it changes, it also has `targetVersion`; on its way down `previousVersion`. */
interface FeatureDocument {
  readonly version?: unknown;
  readonly targetVersion?: unknown;
  readonly previousVersion?: unknown;
}

/** @param db The database `admin`. */
export async function readFeatures(db: Db): Promise<FeatureFacts> {
  const info = await db.command({ buildInfo: 1 });
  const { ferretdbVersion, ferretdb } = info as {
    ferretdbVersion?: string;
    ferretdb?: { version?: string };
  };
  const other = ferretdbVersion ?? ferretdb?.version;
  if (other !== undefined) {
    const version = other.replace(/^v/, "");
    return { running: { product: "FerretDB", version }, features: undefined };
  }
  const answer = await db.command({ getParameter: 1, featureCompatibilityVersion: 1 });
  const { version, targetVersion, previousVersion } = (answer["featureCompatibilityVersion"] ??
    {}) as FeatureDocument;
  return {
    running: { product: "MongoDB", version: String(info["version"]) },
    features: typeof version === "string" ? version : undefined,
    unfinished:
      typeof targetVersion === "string"
        ? { from: String(previousVersion ?? version), to: targetVersion }
        : undefined,
  };
}

/**
 * Raises it, unless that is done. If it was interrupted, the server goes on where it stopped.
 *
 * @param container The container's name.
 * @throws UserError with a sentence, also where the server refuses
 */
export async function ensureFeatures(db: Db, container: string, wanted: string): Promise<void> {
  const facts = await readFeatures(db);
  const step = featureStep({ container, wanted, ...facts });
  if (step.verdict === "refuse") {
    throw new UserError(step.sentence);
  }
  if (step.verdict === "done") {
    return;
  }
  try {
    await db.command(raiseFeatures(wanted, facts.running));
  } catch (error) {
    const left = await readFeatures(db).catch(() => undefined);
    throw new UserError(refusedRaise(container, wanted, facts, error, left));
  }
  const { features, unfinished } = await readFeatures(db);
  if (features !== wanted || unfinished !== undefined) {
    throw new UserError(
      `${container}: its featureCompatibilityVersion is ${features} and not ${wanted}, although MongoDB has accepted that`,
    );
  }
}

function refusedRaise(
  container: string,
  wanted: string,
  { features }: FeatureFacts,
  error: unknown,
  left: FeatureFacts | undefined,
): string {
  const way = `from ${features} to ${wanted}`;
  // The driver's own words name the socket.
  const said =
    error instanceof MongoNetworkError
      ? `${container}: the connection ended while MongoDB raised its featureCompatibilityVersion ${way}`
      : `${container}: MongoDB does not raise its featureCompatibilityVersion ${way}: ${error instanceof Error ? error.message : "no answer"}`;
  return left?.unfinished === undefined && left !== undefined
    ? said
    : `${said}; run \`up\` again, and MongoDB continues where it stopped`;
}
