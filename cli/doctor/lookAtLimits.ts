/** Asks the engine, the containers and the proxy's log which limits were hit. */
import { LABEL, PROXY } from "../../names/docker.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { limitEvents } from "../../programs/limits/limitEvents.ts";
import type { Finding } from "./finding.ts";
import { eachLogLine } from "../../programs/docker/logLines.ts";
import { type LimitFacts, limitFindings, RefusalCount } from "./limits.ts";

/** A busy proxy's log of a day may be longer than anybody wants to wait for. */
const DAY = { since: "24h", lines: 500_000, bytes: 256 * 2 ** 20, seconds: 20 };

interface Inspected {
  readonly Name: string;
  readonly RestartCount: number;
  readonly State: { readonly Running: boolean; readonly OOMKilled: boolean };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
  readonly HostConfig: { readonly Memory: number; readonly PidsLimit: number | null };
}

/**
 * Whether the main process last ended for lack of memory. The engine also says so of one that an operator has
 * started again since, because some other process was killed before.
 */
export function endedForMemory({
  State,
  RestartCount,
}: Pick<Inspected, "RestartCount"> & {
  readonly State: Pick<Inspected["State"], "Running" | "OOMKilled">;
}): boolean {
  return State.OOMKilled && (!State.Running || RestartCount > 0);
}

/** @param names Containers that exist. */
export async function lookAtLimits(docker: Docker, names: readonly string[]): Promise<Finding[]> {
  if (names.length === 0) {
    return [];
  }
  const inspected = JSON.parse(
    await docker.run(["container", "inspect", ...names]),
  ) as readonly Inspected[];
  const containers = await Promise.all(
    inspected.map(async (container): Promise<LimitFacts> => {
      const { Name, State, Config, HostConfig } = container;
      const name = Name.replace(/^\//, "");
      return {
        name,
        role: Config.Labels?.[LABEL.role] ?? "",
        memory: HostConfig.Memory / 2 ** 20,
        pids: HostConfig.PidsLimit ?? 0,
        oomKilled: endedForMemory(container),
        events: State.Running ? await limitEvents(docker, name) : undefined,
      };
    }),
  );
  const proxy = containers.find(({ role }) => role === PROXY)?.name;
  const refusals = new RefusalCount();
  if (proxy !== undefined) {
    await eachLogLine(docker, proxy, DAY, (line) => refusals.add(line));
  }
  return limitFindings(containers, refusals);
}
