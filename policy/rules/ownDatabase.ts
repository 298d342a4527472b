import { CONTAINER } from "../../names/types.ts";
import { isPicked, type Selector, selectorsSchema } from "../pack/exceptions.ts";
import type { StackResource, StackRule } from "../pack/rule.ts";
import { listOf, objectsOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/** A database belongs to one service: nobody else is in a network with it. */
export const ownDatabase: StackRule = {
  name: "own-database",
  description: "A database shares its networks with the one service that it belongs to.",
  reason:
    "Otherwise an intruder in one service reaches the records or keys of another. Keys must be kept " +
    "apart from what they encrypt (NIST SP 800-57 part 1, 5.3; NIST SP 800-190, 4.3.3).",
  settings: {
    databases: {
      ...selectorsSchema,
      description:
        "Which containers are databases. If none is named, those that have a volume at one of `paths`.",
      default: [],
    },
    paths: {
      description: "Where databases have their data.",
      type: "array",
      items: { type: "string", pattern: "^/" },
      default: ["/data/db", "/var/lib/mysql", "/var/lib/postgresql", "/var/lib/postgresql/data"],
    },
  },
  asTheyCome: [CONTAINER],
  checkStack(resources, settings) {
    const containers = resources.filter(({ type }) => type === CONTAINER);
    const selectors = settings["databases"] as readonly Selector[];
    const paths = listOf(settings["paths"]);
    const isDatabase = (one: StackResource) =>
      selectors.length > 0 ? isPicked(one, selectors) : hasDataAt(one, paths);
    return containers.filter(isDatabase).flatMap((database) => {
      const networks = networksOf(database);
      const others = containers.filter(
        (one) => one !== database && networksOf(one).some((network) => networks.includes(network)),
      );
      const names = others.map(({ name }) => name);
      return names.length < 2
        ? []
        : [
            {
              urn: database.urn,
              message:
                `${database.name} shares a network with ${names.join(" and ")}: ` +
                `give each service a database of its own, in a network of its own`,
            },
          ];
    });
  },
};

const hasDataAt = ({ props }: StackResource, paths: readonly unknown[]) =>
  objectsOf(props["volumes"]).some(({ containerPath }) => paths.includes(textOf(containerPath)));

/** Without a network of its own a container is in the engine's default one, with all others like it. */
function networksOf({ props }: StackResource): readonly string[] {
  const { networksAdvanced, networkMode } = props;
  const isDefault =
    ["", "default", "bridge"].includes(textOf(networkMode)) && networkMode !== UNKNOWN;
  const none = networksAdvanced === undefined || (networksAdvanced as unknown[]).length === 0;
  return none && isDefault
    ? ["bridge"]
    : objectsOf(networksAdvanced)
        .map(({ name }) => textOf(name))
        .filter((name) => name !== "");
}
