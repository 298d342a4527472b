import { restartsMoreThan } from "../hardening/judgements.ts";
import { containerRule } from "../pack/declared.ts";
import { listOf } from "../pack/unknown.ts";

/** A service is there again after a crash or a restart of the host. */
export const restartPolicy = containerRule({
  name: "restart-policy",
  description: "Every container is started again when it ends.",
  reason:
    "A service stays away after a crash or a restart of the host otherwise; where it may be " +
    "restarted for a failure only, five times are enough (CIS Docker 5.15).",
  settings: {
    allowed: {
      description: "The restart policies that may be used.",
      type: "array",
      items: { type: "string", enum: ["always", "unless-stopped", "on-failure", "no"] },
      default: ["always", "unless-stopped", "on-failure"],
    },
    maxRetries: {
      description: "The most retries of on-failure; 0 in the program is without end.",
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
