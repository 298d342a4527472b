import { CONTAINER } from "../../names/types.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { listOf, objectsOf, textOf } from "../pack/unknown.ts";

/** Variables whose name speaks of a secret; one that ends in _FILE names a file. */
const SECRET_NAME =
  /(^|_)(pass(phrase)?|pwd|secret|token|credentials?|api_?key|(access|private|signing|encryption)_?key)s?(_|$)|passw(or)?d/i;
const FILE_NAME = /_(FILE|PATH|DIR)$/i;

/** Values that are secrets, whatever the name says. */
const SECRET_VALUES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----/, "a private key"],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i, "a URL with a password"],
  [/\bey[A-Za-z0-9_-]{10,}\.ey[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}/, "a signed token"],
  [/\bAKIA[0-9A-Z]{16}\b/, "an access key"],
];

/** No secret is in an environment variable. Its value is never told. */
export const secretFreeEnvironment: ResourceRule = {
  name: "secret-free-environment",
  description: "No environment variable of a container contains a secret.",
  reason:
    "Every process in the container, many crash reports and `docker inspect` show the environment " +
    "(CIS Docker 4.10).",
  settings: {
    allow: {
      description: "Variables that only look like a secret, each with its reason.",
      type: "array",
      items: {
        type: "object",
        properties: {
          variable: { type: "string", minLength: 1 },
          reason: { type: "string", minLength: 10 },
        },
        required: ["variable", "reason"],
        additionalProperties: false,
      },
      default: [],
    },
  },
  types: [CONTAINER],
  check({ props }, settings) {
    const allowed = new Set(objectsOf(settings["allow"]).map(({ variable }) => textOf(variable)));
    return listOf(props["envs"]).flatMap((entry) => {
      const [name, value] = split(textOf(entry));
      const what = looksSecret(name, value);
      return what === undefined || allowed.has(name)
        ? []
        : [
            `its environment variable ${name} contains ${what}: pass it as a file, ` +
              `and its path in ${name}_FILE or the like`,
          ];
    });
  },
};

function split(entry: string): [name: string, value: string] {
  const end = entry.indexOf("=");
  return end < 0 ? [entry, ""] : [entry.slice(0, end), entry.slice(end + 1)];
}

function looksSecret(name: string, value: string): string | undefined {
  const [, what] = SECRET_VALUES.find(([pattern]) => pattern.test(value)) ?? [];
  if (what !== undefined || value === "") {
    return what;
  }
  return SECRET_NAME.test(name) && !FILE_NAME.test(name)
    ? "what its name says is a secret"
    : undefined;
}
