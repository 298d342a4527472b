import { runsAsRoot } from "../hardening/judgements.ts";
import { containerRule } from "../pack/declared.ts";

/** No container runs as root. */
export const ordinaryUser = containerRule({
  name: "ordinary-user",
  description: "Containers run as an ordinary user, named in the program.",
  reason: "Root in a container is root on the host for whoever finds a way out (CIS Docker 4.1).",
  check: (container) =>
    runsAsRoot(container)
      ? ["it runs as root, or as whoever its image says: set user, as uid:gid"]
      : [],
});
