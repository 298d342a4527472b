/** Checks, before Pulumi runs, that the configured database image can read the data of the databases. */
import { CONTAINER } from "../names/types.ts";
import type { Settings } from "../settings/types.ts";
import { knownDatabases } from "./driftDatabases.ts";
import { refusedStep } from "../programs/database/databaseStep.ts";
import { UserError } from "../programs/errors.ts";
import type { Session } from "./session.ts";
import { readStateInClear, type StackState } from "./state.ts";

/** @throws UserError with a sentence for each database that would not start with the image */
export async function requireReadableData(
  session: Session,
  { deployment, resources }: StackState,
  settings: Settings,
): Promise<void> {
  const { docker, engine } = session;
  const { image } = settings.database;
  if (image === undefined) {
    return; // The stack runs no database, or is about to run none.
  }
  const containers = resources.filter(
    ({ type, inputs }) => type === CONTAINER && String(inputs?.["name"]).endsWith("-db"),
  );
  const fresh = await docker.inspect<{ Id: string }>("image", image);
  if (
    deployment === undefined ||
    containers.every(({ inputs }) => inputs?.["image"] === fresh?.Id)
  ) {
    return;
  }
  const databases = knownDatabases(await readStateInClear(session));
  const sentences = await Promise.all(
    databases.map(({ input: { container, admin } }) =>
      refusedStep(docker, {
        ...{ dockerHost: engine.host, deployment, container, image },
        admin: {
          name: admin.name,
          passwords: [admin.password, ...(admin.previous === undefined ? [] : [admin.previous])],
        },
      }),
    ),
  );
  const refused = sentences.filter((sentence) => sentence !== undefined);
  if (refused.length > 0) {
    throw new UserError(refused.join("\n       "));
  }
}
