import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { listOf, objectsOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/** All capabilities are dropped; the few that may come back are named. */
export const droppedCapabilities: ResourceRule = {
  name: "dropped-capabilities",
  description: "Containers drop all capabilities, and add only those that are allowed.",
  reason:
    "Docker's default set lets root in the container change owners, send raw packets and more " +
    "(CIS Docker 5.4).",
  settings: {
    allowed: {
      description: "Capabilities that may be added, such as NET_BIND_SERVICE.",
      type: "array",
      items: { type: "string", pattern: "^[A-Z_]+$" },
      default: [],
    },
  },
  types: [CONTAINER],
  check({ props }, settings) {
    const { capabilities } = props;
    if (capabilities === UNKNOWN) {
      return [];
    }
    const [{ drops, adds } = {}] = objectsOf([capabilities]);
    const allowed = listOf(settings["allowed"]);
    const added = listOf(adds)
      .map((name) => shortName(textOf(name)))
      .filter((name) => !allowed.includes(name));
    return [
      ...(isComplete(drops) && !listOf(drops).some((name) => shortName(textOf(name)) === "ALL")
        ? ["it keeps capabilities: set capabilities.drops to [ALL]"]
        : []),
      ...(added.length > 0
        ? [
            `it adds the capabilities ${added.join(", ")}: do without, or allow them in this rule's settings`,
          ]
        : []),
    ];
  },
};

/** Whether what is not in the list is known not to be there. */
const isComplete = (list: unknown) =>
  list !== UNKNOWN && !(Array.isArray(list) && list.includes(UNKNOWN));

const shortName = (name: string) => name.toUpperCase().replace(/^CAP_/, "");
