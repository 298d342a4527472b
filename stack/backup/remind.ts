/** What a state must forget of the keys and accounts that a restore has replaced. */
import { NAME, nameIn } from "../../names/resources.ts";
import { COMMAND } from "../../names/types.ts";
import type { Session } from "../session.ts";
import type { ExportedResource, ExportedState } from "../state.ts";

/**
 * Lets the next `up` record the keys that the KMS has now, and make the accounts that it lacks. Otherwise the
 * `up` would refuse the keys, because the state remembers those of before.
 */
export async function remind(session: Session): Promise<void> {
  const { stack } = session;
  const exported = JSON.parse(
    await session.ask(["stack", "export", "--stack", stack]),
  ) as ExportedState;
  await session.tell(["stack", "import", "--stack", stack], reminded(exported));
}

/** @param exported Of a deployed stack; its secrets may be encrypted. */
export function reminded(exported: ExportedState): ExportedState {
  const resources = exported.deployment?.resources?.map((resource) => {
    if (resource.type !== COMMAND) {
      return resource;
    }
    switch (nameIn(resource.urn)) {
      case NAME.kmsKeys:
        return { ...runAgain(resource), outputs: { ...resource.outputs, stdout: "" } };
      case NAME.kmsAccounts:
        return runAgain(resource);
      default:
        return resource;
    }
  });
  return { ...exported, deployment: { ...exported.deployment, ...(resources && { resources }) } };
}

/** As if the program had been told something else. */
const runAgain = (resource: ExportedResource): ExportedResource => ({
  ...resource,
  inputs: { ...resource.inputs, environment: {} },
});
