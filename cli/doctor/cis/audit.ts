import { LABEL } from "../../../names/docker.ts";
import type { Docker } from "../../../programs/docker/docker.ts";
import { exceptions } from "./exceptions.ts";
import { asDeclared, type EngineInfo, type InspectedContainer } from "./inspected.ts";
import { rules } from "./rules.ts";

/** A rule that a container does not keep to. */
export interface Finding {
  /** The rule's number. */
  readonly rule: string;
  readonly container: string;
  /** The container's label `cybexp.role`, or empty. */
  readonly role: string;
  /** What is wrong, as in "runs as root". */
  readonly what: string;
  /** Why that is accepted, if it is. */
  readonly reason?: string;
}

/** What the rules say of containers, in the order of the containers and the rules. */
export function audit(containers: readonly InspectedContainer[], engine: EngineInfo): Finding[] {
  return containers.flatMap((container) => {
    const declared = asDeclared(container);
    const role = container.Config.Labels?.[LABEL.role] ?? "";
    return rules.flatMap(({ id, violation }): Finding[] => {
      const what = violation(declared, container, engine);
      if (what === undefined) {
        return [];
      }
      const accepted = exceptions.find(
        ({ rule, roles, only = what }) => rule === id && roles.includes(role) && only === what,
      );
      return [
        {
          ...{ rule: id, container: container.Name.replace(/^\//, ""), role, what },
          ...(accepted && { reason: accepted.reason }),
        },
      ];
    });
  });
}

/** The audit of all containers, running or not, that carry the labels, such as `cybexp.stack=dev`. */
export async function auditEngine(
  docker: Docker,
  ...labels: readonly string[]
): Promise<Finding[]> {
  const ids = await docker.labelled("container", ...labels);
  const [engine, containers] = await Promise.all([
    docker.run(["info", "--format", "{{json .}}"]),
    Promise.all(ids.map((id) => docker.inspect<InspectedContainer>("container", id))),
  ]);
  return audit(
    containers.filter((container) => container !== undefined),
    JSON.parse(engine) as EngineInfo,
  );
}
