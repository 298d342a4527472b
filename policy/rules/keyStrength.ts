import { PRIVATE_KEY } from "../../names/types.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { listOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/** What the tls provider makes if it is not told. */
const DEFAULT_BITS = 2048;
const DEFAULT_CURVE = "P224";

/** Keys that can't be found by trying. */
export const keyStrength: ResourceRule = {
  name: "key-strength",
  description: "Private keys have at least 112 bits of security.",
  reason: "Less is no longer allowed (NIST SP 800-131A rev. 2; SP 800-57 part 1, table 2).",
  settings: {
    rsaBits: {
      description: "The minimum size of an RSA key, in bits.",
      type: "integer",
      minimum: 1024,
      default: 2048,
    },
    curves: {
      description:
        "The curves that ECDSA keys may use. P224 has 112 bits, but most TLS libraries don't accept it.",
      type: "array",
      items: { type: "string", enum: ["P224", "P256", "P384", "P521"] },
      default: ["P256", "P384", "P521"],
    },
  },
  types: [PRIVATE_KEY],
  check({ props: { algorithm, rsaBits, ecdsaCurve } }, settings) {
    if (algorithm === "RSA" && rsaBits !== UNKNOWN) {
      const bits = typeof rsaBits === "number" ? rsaBits : DEFAULT_BITS;
      const fewest = Number(settings["rsaBits"]);
      return bits < fewest
        ? [`it is an RSA key of ${bits} bits: set rsaBits to ${fewest} or more`]
        : [];
    }
    if (algorithm === "ECDSA" && ecdsaCurve !== UNKNOWN) {
      const curve = textOf(ecdsaCurve) || DEFAULT_CURVE;
      const curves = listOf(settings["curves"]);
      return curves.includes(curve)
        ? []
        : [`it is a key on the curve ${curve}: set ecdsaCurve to ${curves.join(" or ")}`];
    }
    return [];
  },
};
