/** Finds where an Nginx passes a request on and asks for nothing: by the directives that hold there. */
import { effective, type Location, onlyReturns, type Server, setting } from "./servers.ts";

const PASSES = /^(proxy|fastcgi|uwsgi|scgi|grpc|memcached)_pass$/;

/** The titles of the locations; "" for a stream, which passes on what it gets as it is. */
export function openDoors(server: Server): readonly string[] {
  if (server.listeners.every(({ isLocal }) => isLocal) || onlyReturns(server)) {
    return [];
  }
  const verification = setting(server.scopes, "ssl_verify_client") ?? "off";
  if (verification === "on") {
    return [];
  }
  if (server.kind === "stream") {
    return server.scopes[0]?.some(({ name }) => PASSES.test(name)) ? [""] : [];
  }
  return server.locations
    .filter((location) => location.inside.some(({ name }) => PASSES.test(name)))
    .filter((location) => !isAsked(location) && !isGated(location, verification))
    .map(({ title }) => title);
}

/** Whether a password or an equal is asked for there. */
function isAsked({ scopes }: Location): boolean {
  const allowed = effective(scopes, "allow");
  if (setting(scopes, "satisfy") === "any" && allowed.length > 0) {
    return false;
  }
  const hasUsers = setting(scopes, "auth_basic_user_file") !== undefined;
  return (
    ((setting(scopes, "auth_basic") ?? "off") !== "off" && hasUsers) ||
    (setting(scopes, "auth_request") ?? "off") !== "off" ||
    (allowed.length === 0 && effective(scopes, "deny").some(({ args }) => args[0] === "all"))
  );
}

/**
 * Whether callers get there only by a decision over their certificate. What the maps decide is not
 * followed here: for this project's own proxy, tests ask a real Nginx.
 */
const isGated = ({ modifier, own }: Location, verification: string) =>
  verification !== "off" && (modifier === "@" || own.some(({ name }) => name === "internal"));
