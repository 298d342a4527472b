/** What Nginx's variables can be for a caller who has no password and no certificate that is good. */
import type { Directive } from "./parse.ts";
import type { Choose } from "./worlds.ts";

/** Whatever the caller likes, or what can't be told from the configuration. */
export const ANY = Symbol("any");
export type Value = string | typeof ANY;

/** What a caller shows: no certificate, or one that is not to be trusted. */
export type Caller = "nobody" | "stranger";

export interface Scope {
  readonly caller: Caller;
  /** The `map` blocks of `http`. */
  readonly maps: ReadonlyMap<string, Directive>;
  /** What `set` gives each variable, anywhere in the server. */
  readonly assigned: ReadonlyMap<string, readonly string[]>;
  readonly ports: readonly string[];
  readonly choose: Choose;
}

/** What Nginx says of a certificate that it does not trust. */
const FAILURES = [
  "self-signed certificate",
  "certificate revoked",
  "certificate has expired",
  "certificate is not yet valid",
  "CRL has expired",
  "CRL is not yet valid",
  "unable to get certificate CRL",
  "unable to get issuer certificate",
].map((reason) => `FAILED:${reason}`);

const REFERENCE = /\$(?:\{(\w+)\}|(\w+))/;

/** A text with its variables filled in. */
export function expand(text: string, scope: Scope): Value {
  let whole = "";
  let rest = text;
  for (let match = REFERENCE.exec(rest); match; match = REFERENCE.exec(rest)) {
    const value = valueOf(match[1] ?? match[2] ?? "", scope);
    if (value === ANY) {
      return ANY;
    }
    whole += rest.slice(0, match.index) + value;
    rest = rest.slice(match.index + match[0].length);
  }
  return whole + rest;
}

function valueOf(name: string, scope: Scope): Value {
  const map = scope.maps.get(name);
  if (map) {
    return lookUp(name, map, scope);
  }
  const texts = scope.assigned.get(name);
  if (texts) {
    return expand(scope.choose(`$${name}`, texts), scope);
  }
  switch (name) {
    case "ssl_client_verify":
      return scope.caller === "nobody" ? "NONE" : scope.choose("$ssl_client_verify", FAILURES);
    case "secure_link":
      // 1 is for who knows the secret.
      return scope.choose("$secure_link", ["", "0"]);
    case "server_port":
      return scope.choose("$server_port", scope.ports);
    default:
      return /^ssl_client_/.test(name) && scope.caller === "nobody" ? "" : ANY;
  }
}

/** The value of a map's variable: where its source or a pattern leaves it open, any that it can have. */
function lookUp(name: string, { args, block = [] }: Directive, scope: Scope): Value {
  const source = expand(args[0] ?? "", scope);
  const entries = block.filter(
    ({ name: key }) => !["hostnames", "volatile", "include"].includes(key),
  );
  const fallback = entries.find(({ name: key }) => key === "default")?.args[0] ?? "";
  const isOpen = entries.length < block.filter(({ name: key }) => key !== "volatile").length;
  const literal = entries.find(
    ({ name: key }) => source !== ANY && !key.startsWith("~") && sameKey(key, source),
  );
  if (literal && literal.name !== "default") {
    return expand(literal.args[0] ?? "", scope);
  }
  const candidates = entries.filter(
    ({ name: key }) => source === ANY || isOpen || key.startsWith("~"),
  );
  const outcomes = new Set([fallback, ...candidates.map(({ args: [value = ""] }) => value)]);
  return isOpen && block.some(({ name: key }) => key === "include")
    ? ANY
    : expand(scope.choose(`map $${name}`, [...outcomes]), scope);
}

/** Without regard to case; a backslash only says that the key is none of the map's own words. */
const sameKey = (key: string, value: string) =>
  key.replace(/^\\/, "").toLowerCase() === value.toLowerCase();
