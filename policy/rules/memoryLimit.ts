import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { UNKNOWN } from "../pack/unknown.ts";

/** Every container has a memory limit, which swap does not undo. */
export const memoryLimit: ResourceRule = {
  name: "memory-limit",
  description: "Every container has a memory limit.",
  reason:
    "Without one, a single service can use up the memory of all others on the host (CIS Docker 5.11).",
  settings: {
    minimum: {
      description:
        "The lowest limit, in MiB. A lower one is probably a mistake, such as a number of GiB.",
      type: "integer",
      minimum: 6,
      default: 16,
    },
    maximum: {
      description: "The highest limit, in MiB.",
      type: "integer",
      minimum: 6,
      default: 1_048_576,
    },
  },
  types: [CONTAINER],
  check({ props: { memory, memorySwap } }, { minimum, maximum }) {
    if (memory === UNKNOWN) {
      return [];
    }
    if (typeof memory !== "number" || memory <= 0) {
      return ["it has no memory limit: set memory, in MiB"];
    }
    if (memory < Number(minimum) || memory > Number(maximum)) {
      return [
        `its memory limit is ${memory} MiB: set memory to ${String(minimum)} to ${String(maximum)} MiB`,
      ];
    }
    return memorySwap === -1
      ? ["its memory limit has no end, since swap has none: set memorySwap to the same as memory"]
      : [];
  },
};
