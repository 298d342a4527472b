import { restartsMoreThan } from "../hardening/judgements.ts";
import { containerRule } from "../pack/declared.ts";
import { listOf } from "../pack/unknown.ts";

/** A service is there again after a crash or a restart of the host. */
export const restartPolicy = containerRule({
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
  check(container, { allowed, maxRetries }) {
    const { restart } = container;
    if (restart === undefined) {
      return [];
    }
    const policy = restart || "no";
    if (!listOf(allowed).includes(policy)) {
      return [`its restart policy is "${policy}": set restart to ${listOf(allowed).join(" or ")}`];
    }
    return policy === "on-failure" && restartsMoreThan(Number(maxRetries), container)
      ? [`it may be restarted more than ${String(maxRetries)} times: set maxRetryCount`]
      : [];
  },
});
