import { COMMAND, CONTAINER } from "../../names/types.ts";
import { isUnlimited } from "../hardening/judgements.ts";
import type { StackResource, StackRule } from "../pack/rule.ts";
import { objectsOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/**
 * Every container has a limit of processes. The provider has no argument for it, so a command that
 * knows the container sets it, or an ulimit, which counts all processes of the user on the host.
 */
export const pidsLimit: StackRule = {
  name: "pids-limit",
  description: "Every container has a process limit.",
  reason: "Otherwise a fork bomb in one container takes down the whole host (CIS Docker 5.29).",
  settings: {
    command: {
      description:
        "Text in the `create` of a command:local:Command that sets a container's limit. One of its " +
        "inputs must come from the container, such as the container's id.",
      type: "string",
      minLength: 1,
      default: "--pids-limit",
    },
    maximum: {
      description: "The highest limit, if the command's input is JSON with a number `pidsLimit`.",
      type: "integer",
      minimum: 1,
      default: 4096,
    },
    ulimit: {
      description: "Whether an ulimit `nproc` counts as a limit.",
      type: "boolean",
      default: false,
    },
  },
  checkStack(resources, { command, maximum, ulimit }) {
    const setters = resources.filter(
      ({ type, props }) =>
        type === COMMAND &&
        (props["create"] === UNKNOWN || textOf(props["create"]).includes(textOf(command))),
    );
    return resources
      .filter(({ type }) => type === CONTAINER)
      .flatMap((container) => {
        const setter = setters.find((one) => knows(one, container));
        if (setter) {
          const limit = limitOf(setter);
          return limit !== undefined && (isUnlimited(limit) || limit > Number(maximum))
            ? [
                {
                  urn: container.urn,
                  message: `its process limit is ${limit}: set 1 to ${String(maximum)}`,
                },
              ]
            : [];
        }
        return ulimit === true && hasUlimit(container)
          ? []
          : [
              {
                urn: container.urn,
                message:
                  "it has no process limit: set one with a command:local:Command that runs " +
                  `\`docker update\` for its id (one with "${textOf(command)}" in it)`,
              },
            ];
      });
  },
};

const knows = ({ madeOf }: StackResource, { urn }: StackResource) =>
  Object.values(madeOf).some((urns) => urns.includes(urn));

const hasUlimit = ({ props }: StackResource) =>
  props["ulimits"] === UNKNOWN ||
  objectsOf(props["ulimits"]).some(({ name }) => textOf(name) === "nproc");

function limitOf({ props }: StackResource): number | undefined {
  try {
    const { pidsLimit: limit } = JSON.parse(textOf(props["stdin"])) as { pidsLimit?: unknown };
    return typeof limit === "number" ? limit : undefined;
  } catch {
    return undefined;
  }
}
