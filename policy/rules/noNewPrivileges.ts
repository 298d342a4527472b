import { canGainPrivileges, switchedOff } from "../hardening/judgements.ts";
import { containerRule } from "../pack/declared.ts";

/** A process can't get more rights than it started with, and the kernel's filters stay on. */
export const noNewPrivileges = containerRule({
  name: "no-new-privileges",
  description: "Containers run with no-new-privileges, and with the engine's own confinement.",
  reason:
    "A set-uid program in an image could make its caller root, and the default filters of system " +
    "calls close most ways out of a container (CIS Docker 5.2, 5.22 and 5.26).",
  check: (container) => [
    ...(canGainPrivileges(container)
      ? ["its processes may gain privileges: add no-new-privileges to securityOpts"]
      : []),
    ...switchedOff(container, "seccomp", "apparmor").map(
      (option) => `its confinement is switched off: remove ${option} from securityOpts`,
    ),
  ],
});
