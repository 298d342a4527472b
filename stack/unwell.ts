/** Asks the engine why a container that `up` waited for did not become healthy. */
import type { Docker } from "../programs/docker/docker.ts";
import { causes, type UnwellContainer } from "../programs/docker/causes.ts";
import type { Update } from "./update.ts";
import { lookAtLog } from "./updateReport.ts";

/** Adds the cause to each failure of a container, if the engine knows one. */
export async function withCauses(docker: Docker, update: Update): Promise<Update> {
  const failures = await Promise.all(
    update.failures.map(async (sentence) => {
      const name = update.unwell.get(sentence);
      const found = name && (await docker.inspect<UnwellContainer>("container", name));
      if (!name || !found) {
        return sentence;
      }
      const log = await docker.logs(name, 20);
      return [sentence.slice(0, -lookAtLog(name).length), ...causes(found, log)]
        .join("; ")
        .concat(lookAtLog(name));
    }),
  );
  return { ...update, failures };
}
