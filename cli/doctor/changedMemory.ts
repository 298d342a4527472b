/** Memory limits that were changed by hand: Docker changes them in a container that runs. */
import { nameIn } from "../../names/resources.ts";
import { CONTAINER } from "../../names/types.ts";
import { here } from "../../programs/npmRun.ts";
import type { ExportedResource } from "../../stack/state.ts";
import type { ContainerFacts } from "./containers.ts";
import type { Finding } from "./finding.ts";

const MIB = 1024 ** 2;

/**
 * @param resources With the limits that `up` gave.
 * @param found What the engine says about the containers, by their names.
 */
export function changedMemory(
  resources: readonly ExportedResource[],
  found: ReadonlyMap<string, Pick<ContainerFacts, "HostConfig">>,
): Finding[] {
  return resources
    .filter(({ type }) => type === CONTAINER)
    .flatMap(({ urn, inputs }): Finding[] => {
      const given = inputs?.["memory"];
      const { Memory } = found.get(String(inputs?.["name"]))?.HostConfig ?? {};
      if (typeof given !== "number" || Memory === undefined || Memory === given * MIB) {
        return [];
      }
      const now = Memory === 0 ? "no limit of memory" : `${Math.round(Memory / MIB)} MiB of memory`;
      const text = `${nameIn(urn)}: it has ${now}, and \`up\` gave it ${given}; \`${here("up")}\` repairs that`;
      return [{ level: "fault", about: "changed by hand", text }];
    });
}
