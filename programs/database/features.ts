/** Reads and raises MongoDB's featureCompatibilityVersion. */
import type { Db } from "mongodb";
import { type DatabaseVersion, featureStep, raiseFeatures } from "../../render/databaseStep.ts";
import { UserError } from "../errors.ts";

export interface FeatureFacts {
  readonly running: DatabaseVersion;
  /** Undefined where there is none. */
  readonly features: string | undefined;
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
  const { version } = (answer["featureCompatibilityVersion"] ?? {}) as { version?: unknown };
  return {
    running: { product: "MongoDB", version: String(info["version"]) },
    features: typeof version === "string" ? version : undefined,
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
    const words = error instanceof Error ? error.message : "no answer";
    throw new UserError(
      `${container}: MongoDB does not raise its featureCompatibilityVersion from ${facts.features} to ${wanted}: ${words}`,
    );
  }
  const { features } = await readFeatures(db);
  if (features !== wanted) {
    throw new UserError(
      `${container}: its featureCompatibilityVersion is ${features} and not ${wanted}, although MongoDB has accepted that`,
    );
  }
}
