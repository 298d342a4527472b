/** Finds where an Nginx passes on a request that shows neither a password nor a good certificate. */
import type { Directive } from "./parse.ts";
import { effective, type Location, onlyReturns, type Server, setting } from "./servers.ts";
import { ANY, type Caller, expand, type Scope, type Value } from "./variables.ts";
import { everyWorld } from "./worlds.ts";

const PASSES = /^(proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass$/;

/** What Nginx answers by itself without a `return`: the error pages of these can always be reached. */
const OWN_CODES = [
  400, 401, 403, 404, 405, 408, 411, 412, 413, 414, 416, 429, 494, 497, 500, 502, 503, 504,
].map(String);

/** The titles of the locations; "" for a server that passes on what it gets as it is. */
export function openDoors(server: Server): readonly string[] {
  if (server.listeners.every(({ isLocal }) => isLocal) || onlyReturns(server)) {
    return [];
  }
  const verification = setting(server.scopes, "ssl_verify_client") ?? "off";
  if (server.kind === "stream") {
    const passes = server.scopes[0]?.some(({ name }) => PASSES.test(name));
    return passes && verification !== "on" ? [""] : [];
  }
  const open = new Set<string>();
  const callers: Caller[] = verification === "off" ? ["nobody"] : ["nobody", "stranger"];
  for (const caller of callers) {
    for (const found of everyWorld((choose) => {
      const ports = server.listeners.map(({ port }) => port);
      return new Visit(server, { ...server, caller, ports, choose }).from(verification);
    })) {
      found.forEach(({ title }) => open.add(title));
    }
  }
  return [...open];
}

/** One caller's ways through a server. */
class Visit {
  readonly #server: Server;
  readonly #scope: Scope;
  readonly #seen = new Set<Location>();
  readonly #passed: Location[] = [];

  constructor(server: Server, scope: Scope) {
    this.#server = server;
    this.#scope = scope;
  }

  from(verification: string): readonly Location[] {
    const { caller } = this.#scope;
    const refusal =
      caller === "nobody" && verification === "on"
        ? "496"
        : caller === "stranger" && ["on", "optional"].includes(verification)
          ? "495"
          : undefined;
    if (refusal === undefined) {
      this.#server.locations
        .filter((location) => location.modifier !== "@" && !isInternal(location))
        .forEach((location) => this.#enter(location));
      this.#errors(this.#server.scopes, OWN_CODES);
    } else {
      this.#errors(this.#server.scopes, [refusal, "400", "494", "497"]);
    }
    return this.#passed;
  }

  #enter(location: Location): void {
    if (this.#seen.has(location)) {
      return;
    }
    this.#seen.add(location);
    this.#errors(location.scopes, OWN_CODES);
    // Returns and rewrites come before a password is asked for.
    for (const { name, args } of location.inside) {
      if (name === "return" && args.length === 1) {
        this.#errors(location.scopes, [args[0] ?? ""]);
      } else if (name === "rewrite") {
        this.#jump(ANY, true);
      }
    }
    if (onlyReturns(location) || this.#isAsked(location)) {
      return;
    }
    const [last] = effective(location.scopes, "try_files").map(({ args }) => args.at(-1) ?? "");
    // A file of that name would be served and not passed on.
    if (last !== undefined) {
      this.#follow(location.scopes, last);
    } else if (location.inside.some(({ name }) => PASSES.test(name))) {
      this.#passed.push(location);
    }
  }

  /** Whether a password or an equal is asked for there. */
  #isAsked({ scopes }: Location): boolean {
    const allowed = effective(scopes, "allow");
    if (setting(scopes, "satisfy") === "any" && allowed.length > 0) {
      return false;
    }
    const realm = expand(setting(scopes, "auth_basic") ?? "off", this.#scope);
    const hasUsers = setting(scopes, "auth_basic_user_file") !== undefined;
    return (
      (realm !== ANY && realm !== "off" && hasUsers) ||
      (setting(scopes, "auth_request") ?? "off") !== "off" ||
      (allowed.length === 0 && effective(scopes, "deny").some(({ args }) => args[0] === "all"))
    );
  }

  #errors(scopes: Server["scopes"], codes: readonly string[]): void {
    for (const { args } of effective(scopes, "error_page")) {
      if (args.some((arg) => codes.includes(arg))) {
        this.#follow(scopes, args.at(-1) ?? "");
      }
    }
  }

  #follow(scopes: Server["scopes"], target: string): void {
    const value = expand(target, this.#scope);
    if (value !== ANY && value.startsWith("=")) {
      this.#errors(scopes, [value.slice(1)]);
    } else {
      this.#jump(value, /^(\/|\$(request_)?uri\b)/.test(target));
    }
  }

  #jump(target: Value, isPath: boolean): void {
    this.#server.locations
      .filter((location) => leadsTo(target, isPath, location))
      .forEach((location) => this.#enter(location));
  }
}

const isInternal = ({ own }: { own: readonly Directive[] }) =>
  own.some(({ name }) => name === "internal");

function leadsTo(target: Value, isPath: boolean, { modifier, path }: Location): boolean {
  if (target === ANY) {
    return modifier !== "@" || !isPath;
  }
  switch (modifier) {
    case "@":
    case "=":
      return target === path;
    case "~":
    case "~*":
      return target.startsWith("/");
    case "":
    case "^~":
      return target.startsWith(path);
  }
}
