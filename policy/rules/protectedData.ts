import { CONTAINER, VOLUME } from "../../names/types.ts";
import { type Exception, isPicked } from "../pack/exceptions.ts";
import type { StackResource, StackRule } from "../pack/rule.ts";
import { listOf, objectsOf, textOf } from "../pack/unknown.ts";

/** A volume with records or keys is protected: no run of Pulumi deletes or replaces it. */
export const protectedData: StackRule = {
  name: "protected-data",
  description: "Volumes with data that can't be made again are protected.",
  reason:
    "A change of a volume's name or driver replaces the volume with an empty one. Pulumi refuses that " +
    "for a protected volume (NIST SP 800-53 CP-9, SC-28).",
  settings: {
    paths: {
      description: "Where such data is mounted in containers.",
      type: "array",
      items: { type: "string", pattern: "^/" },
      default: [
        "/data/db",
        "/data/configdb",
        "/secrets",
        "/var/lib/mysql",
        "/var/lib/postgresql",
        "/var/lib/postgresql/data",
      ],
    },
    unless: {
      description:
        "A boolean key of the stack's config, such as myapp:throwaway, that says that its data may be lost.",
      type: "string",
      pattern: "^([^:]+:[^:]+)?$",
      default: "",
    },
  },
  asTheyCome: [VOLUME, CONTAINER],
  checkStack(resources, { paths, unless, exceptions = [] }, flag) {
    const key = textOf(unless);
    if (key !== "" && flag(key)) {
      return [];
    }
    const mounts = resources
      .filter((one) => one.type === CONTAINER && !isPicked(one, exceptions as readonly Exception[]))
      .flatMap(mountsOf);
    return resources
      .filter(({ type, protect }) => type === VOLUME && !protect)
      .flatMap((volume) => {
        const mount = mounts.find(
          ({ name, path }) => listOf(paths).includes(path) && name === volume.props["name"],
        );
        return mount === undefined
          ? []
          : [
              {
                urn: volume.urn,
                message:
                  `the volume ${volume.name} has the data of ${mount.container}, at ${mount.path}, and could be ` +
                  `deleted: set protect: true` +
                  (key === "" ? "" : `, or set ${key} to true if its data may be lost`),
              },
            ];
      });
  },
};

interface Mount {
  readonly container: string;
  /** The volume's. */
  readonly name: string;
  readonly path: string;
}

/** What a container may write to. A name that is not known yet is the name of no volume. */
const mountsOf = ({ name: container, props }: StackResource): readonly Mount[] =>
  objectsOf(props["volumes"])
    .filter(({ readOnly }) => readOnly !== true)
    .map(({ volumeName, containerPath }) => ({
      container,
      name: textOf(volumeName),
      path: textOf(containerPath),
    }));
