import { containerRule } from "../pack/declared.ts";

/** The image's files can't be changed by what runs. */
export const readOnlyRoot = containerRule({
  name: "read-only-root",
  description: "The root file system of a container is read-only.",
  reason:
    "An intruder can't leave a program in it, nor change the one that runs (CIS Docker 5.13).",
  check: (container) =>
    container.readOnlyRoot === false
      ? [
          "its root file system is writable: set readOnly, with a tmpfs or a volume for what it " +
            "writes, or name it as an exception of this rule, with the reason",
        ]
      : [],
});
