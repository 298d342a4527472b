import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { listOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/** A service is there again after a crash or a restart of the host. */
export const restartPolicy: ResourceRule = {
  name: "restart-policy",
  description: "Every container is restarted when it ends.",
  reason:
    "Otherwise a service stays down after a crash or a restart of the host. If it is restarted only " +
    "after a failure, five times are enough (CIS Docker 5.15).",
  settings: {
    allowed: {
      description: "The restart policies that may be used.",
      type: "array",
      items: { type: "string", enum: ["always", "unless-stopped", "on-failure", "no"] },
      default: ["always", "unless-stopped", "on-failure"],
    },
    maxRetries: {
      description:
        "The highest maxRetryCount for on-failure. In the program, 0 means without limit.",
      type: "integer",
      minimum: 1,
      default: 5,
    },
  },
  types: [CONTAINER],
  check({ props: { restart, maxRetryCount } }, { allowed, maxRetries }) {
    if (restart === UNKNOWN) {
      return [];
    }
    const policy = textOf(restart) || "no";
    if (!listOf(allowed).includes(policy)) {
      return [`its restart policy is "${policy}": set restart to ${listOf(allowed).join(" or ")}`];
    }
    const retries = maxRetryCount === undefined ? 0 : maxRetryCount;
    return policy === "on-failure" &&
      typeof retries === "number" &&
      (retries === 0 || retries > Number(maxRetries))
      ? [`it may be restarted more than ${String(maxRetries)} times: set maxRetryCount`]
      : [];
  },
};
