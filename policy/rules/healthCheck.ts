import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { listOf, objectsOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/** Every container says how its health is seen. */
export const healthCheck: ResourceRule = {
  name: "health-check",
  description: "Every container has a health check of its own.",
  reason:
    "Otherwise a process that runs but answers nothing counts as a healthy service " +
    "(CIS Docker 4.6 and 5.27).",
  types: [CONTAINER],
  check({ props }) {
    const { healthcheck } = props;
    if (healthcheck === UNKNOWN) {
      return [];
    }
    const [check] = objectsOf([healthcheck]);
    if (check === undefined) {
      return ["it has no health check: set healthcheck, even where the image brings one"];
    }
    const { tests } = check;
    const [kind] = listOf(tests);
    if (tests === UNKNOWN || (Array.isArray(tests) && tests[0] === UNKNOWN)) {
      return [];
    }
    return ["", "NONE"].includes(textOf(kind))
      ? ["its health check is switched off: give healthcheck.tests a command"]
      : [];
  },
};
