import { deliveredServers, NGINX_CARRIERS, nginxSettings } from "../nginx/delivered.ts";
import { openDoors } from "../nginx/openDoors.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { objectsOf, textOf } from "../pack/unknown.ts";

/** Every location that passes requests on asks for a password or a certificate. */
export const nginxDoor: ResourceRule = {
  name: "nginx-door",
  description:
    "Nginx passes a request on only with a password or a client certificate that is good.",
  reason:
    "What stands behind a proxy trusts that it asks; a service without a login of its own would be " +
    "open to everybody (NIST SP 800-53 AC-3, IA-2).",
  settings: {
    ...nginxSettings,
    open: {
      description: "Locations that are open to everybody, as in nginx.conf, each with its reason.",
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
              `${title === "" ? "" : ` from location ${title}`} without a password or a good client ` +
              `certificate: set auth_basic with auth_basic_user_file, or ssl_verify_client on`,
          );
      });
    });
  },
};
