import { capabilityName, excessCapabilities } from "../hardening/judgements.ts";
import { containerRule, textsOf } from "../pack/declared.ts";
import { listOf, objectsOf } from "../pack/unknown.ts";

/** All capabilities are dropped; the few that may come back are named. */
export const droppedCapabilities = containerRule({
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
  check(container, settings, { capabilities }) {
    const [{ drops } = { drops: capabilities }] = objectsOf([capabilities]);
    const dropped = textsOf(drops);
    const excess = excessCapabilities(container, listOf(settings["allowed"]));
    return [
      ...(dropped.every((name) => name !== undefined && capabilityName(name) !== "ALL")
        ? ["it keeps capabilities: set capabilities.drops to [ALL]"]
        : []),
      ...(excess.length > 0
        ? [
            `it adds the capabilities ${excess.join(", ")}: do without, or allow them in this rule's settings`,
          ]
        : []),
    ];
  },
});
