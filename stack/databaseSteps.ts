/** Checks, before Pulumi runs, that the configured database image can read the data of the databases. */
import { CONTAINER } from "../names/types.ts";
import type { Settings } from "../settings/types.ts";
import { knownDatabases } from "./driftDatabases.ts";
import { lookAtFeatures, refusedStep } from "../programs/database/databaseStep.ts";
import { UserError } from "../programs/errors.ts";
import type { Session } from "./session.ts";
import type { StackState } from "./state.ts";
import { ours } from "../names/docker.ts";

/**
 * Also says what raising the features of their data means, where the operator has asked for that.
 *
 * @throws UserError with a sentence for each database that would not start with the image
 */
export async function requireReadableData(
  session: Session,
  { deployment, resources, inClear }: StackState,
  settings: Settings,
): Promise<void> {
  const { docker, engine } = session;
  const { image, featureCompatibility: wanted } = settings.database;
  if (image === undefined) {
    return; // The stack runs no database, or is about to run none.
  }
  const containers = resources.filter(
    ({ type, inputs }) => type === CONTAINER && String(inputs?.["name"]).endsWith("-db"),
  );
  const fresh = await docker.inspect<{ Id: string }>("image", image);
  const same = containers.every(({ inputs }) => inputs?.["image"] === fresh?.Id);
  if (deployment === undefined || (same && wanted === undefined)) {
    return;
  }
  const databases = knownDatabases(await inClear());
  const refused: string[] = [];
  for (const {
    input: { container, admin },
  } of databases) {
    const question = {
      ...{ dockerHost: engine.host, owner: ours(deployment), container, image, wanted },
      admin: {
        name: admin.name,
        passwords: [admin.password, ...(admin.previous === undefined ? [] : [admin.previous])],
      },
    };
    const sentence = await refusedStep(docker, question);
    const step =
      wanted === undefined || sentence !== undefined
        ? undefined
        : await lookAtFeatures(docker, { ...question, wanted });
    if (step?.verdict === "raise") {
      process.stderr.write(`note: ${step.sentence}\n`);
    }
    refused.push(...[sentence ?? (step?.verdict === "refuse" ? step.sentence : [])].flat());
  }
  if (refused.length > 0) {
    throw new UserError(refused.join("\n       "));
  }
}
