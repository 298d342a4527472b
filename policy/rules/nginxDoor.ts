import { deliveredServers, NGINX_CARRIERS, nginxSettings } from "../nginx/delivered.ts";
import { openDoors } from "../nginx/openDoors.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { objectsOf, textOf } from "../pack/unknown.ts";

/** Every location that passes requests on asks for a password or a certificate. */
export const nginxDoor: ResourceRule = {
  name: "nginx-door",
  description: "Nginx passes a request on only with a valid password or client certificate.",
  reason:
    "A service behind a proxy relies on the proxy to ask. Without a login of its own, it would " +
    "otherwise be open to everybody (NIST SP 800-53 AC-3, IA-2).",
  settings: {
    ...nginxSettings,
    open: {
      description:
        "Locations that are open to everybody, as nginx.conf has them, each with its reason.",
      type: "array",
      items: {
        type: "object",
        properties: {
          location: { type: "string", minLength: 1 },
          reason: { type: "string", minLength: 10 },
        },
        required: ["location", "reason"],
        additionalProperties: false,
      },
      default: [],
    },
  },
  types: NGINX_CARRIERS,
  check(resource, settings) {
    const allowed = new Set(objectsOf(settings["open"]).map(({ location }) => textOf(location)));
    return deliveredServers(resource, textOf(settings["file"])).flatMap((servers) => {
      if (typeof servers === "string") {
        return [servers];
      }
      return servers.flatMap((server) => {
        const place = `${server.title} at ${server.listeners.map(({ text }) => text).join(", ")}`;
        return openDoors(server)
          .filter((title) => !allowed.has(title))
          .map(
            (title) =>
              `its Nginx lets everybody in: ${place} passes requests on` +
              `${title === "" ? "" : ` from location ${title}`} without a password or a valid client ` +
              `certificate: set auth_basic with auth_basic_user_file, or ssl_verify_client on`,
          );
      });
    });
  },
};
