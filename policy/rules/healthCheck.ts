import { lacksHealthCheck } from "../hardening/judgements.ts";
import { containerRule } from "../pack/declared.ts";

/** Every container says how its health is seen. */
export const healthCheck = containerRule({
  name: "health-check",
  description: "Every container has a health check of its own.",
  reason:
    "Otherwise a process that runs but answers nothing counts as a healthy service " +
    "(CIS Docker 4.6 and 5.27).",
  check: (container) =>
    !lacksHealthCheck(container)
      ? []
      : container.healthCheck === ""
        ? ["it has no health check: set healthcheck, even where the image brings one"]
        : ["its health check is switched off: give healthcheck.tests a command"],
});
