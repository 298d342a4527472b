import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { listOf, textOf, UNKNOWN } from "../pack/unknown.ts";

const SET = /^no-new-privileges([:=]true)?$/;
const SWITCHED_OFF = /^(seccomp|apparmor)[:=]unconfined$/;

/** A process can't get more rights than it started with, and the kernel's filters stay on. */
export const noNewPrivileges: ResourceRule = {
  name: "no-new-privileges",
  description: "Containers run with no-new-privileges, and with the engine's own confinement.",
  reason:
    "A set-uid program in an image could make its caller root, and the default filters of system " +
    "calls close most ways out of a container (CIS Docker 5.2, 5.22 and 5.26).",
  types: [CONTAINER],
  check({ props: { securityOpts } }) {
    const options = listOf(securityOpts).map(textOf);
    const complete =
      securityOpts !== UNKNOWN && !(Array.isArray(securityOpts) && securityOpts.includes(UNKNOWN));
    return [
      ...(complete && !options.some((option) => SET.test(option))
        ? ["its processes may gain privileges: add no-new-privileges to securityOpts"]
        : []),
      ...options
        .filter((option) => SWITCHED_OFF.test(option))
        .map((option) => `its confinement is switched off: remove ${option} from securityOpts`),
    ];
  },
};
