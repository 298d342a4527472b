import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { textOf, UNKNOWN } from "../pack/unknown.ts";

/** No container runs as root. */
export const ordinaryUser: ResourceRule = {
  name: "ordinary-user",
  description: "Containers run as an ordinary user, named in the program.",
  reason: "Root in a container is root on the host for whoever finds a way out (CIS Docker 4.1).",
  types: [CONTAINER],
  check({ props: { user } }) {
    if (user === UNKNOWN) {
      return [];
    }
    const [name = ""] = textOf(user).split(":");
    return ["", "root"].includes(name) || /^0+$/.test(name)
      ? ["it runs as root, or as whoever its image says: set user, as uid:gid"]
      : [];
  },
};
