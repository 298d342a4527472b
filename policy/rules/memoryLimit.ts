import { isUnlimited } from "../hardening/judgements.ts";
import { containerRule, MIB } from "../pack/declared.ts";

/** Every container has a memory limit, which swap does not undo. */
export const memoryLimit = containerRule({
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
  check({ memory }, { minimum, maximum }, { memorySwap }) {
    if (memory === undefined) {
      return [];
    }
    if (isUnlimited(memory)) {
      return ["it has no memory limit: set memory, in MiB"];
    }
    const mebibytes = memory / MIB;
    if (mebibytes < Number(minimum) || mebibytes > Number(maximum)) {
      return [
        `its memory limit is ${mebibytes} MiB: set memory to ${String(minimum)} to ${String(maximum)} MiB`,
      ];
    }
    return memorySwap === -1
      ? ["its memory limit has no end, since swap has none: set memorySwap to the same as memory"]
      : [];
  },
});
