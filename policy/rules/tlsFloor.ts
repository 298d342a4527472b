import { deliveredServers, NGINX_CARRIERS, nginxSettings } from "../nginx/delivered.ts";
import { effective, onlyReturns, type Server } from "../nginx/servers.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { textOf } from "../pack/unknown.ts";

/** From the oldest on. */
const VERSIONS = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/** Nginx speaks TLS, none that is broken, and says so. */
export const tlsFloor: ResourceRule = {
  name: "tls-floor",
  description: "Nginx speaks TLS wherever the network reaches it, and no version that is too old.",
  reason:
    "TLS 1.0 and 1.1 must not be used any more, and what Nginx allows without ssl_protocols depends on " +
    "its version (RFC 8996, RFC 9325).",
  settings: {
    ...nginxSettings,
    minimum: {
      description: "The oldest version that is allowed.",
      type: "string",
      enum: ["TLSv1.2", "TLSv1.3"],
      default: "TLSv1.2",
    },
  },
  types: NGINX_CARRIERS,
  check: (resource, settings) =>
    deliveredServers(resource, textOf(settings["file"])).flatMap((servers) =>
      // A text that can't be read is told by the rule of the doors.
      typeof servers === "string"
        ? []
        : servers.flatMap((server) => faults(server, textOf(settings["minimum"]))),
    ),
};

function faults(server: Server, minimum: string): readonly string[] {
  const reached = server.listeners.filter(({ isLocal }) => !isLocal);
  const plain = reached.filter(({ isTls }) => !isTls);
  const [protocols] = effective(server.scopes, "ssl_protocols").map(({ args }) => args);
  const old = (protocols ?? []).filter(
    (version) => VERSIONS.indexOf(version) < VERSIONS.indexOf(minimum),
  );
  return [
    // Who only redirects gives nothing away.
    ...(plain.length > 0 && !onlyReturns(server)
      ? [
          `its Nginx speaks plain ${server.kind === "http" ? "HTTP" : "TCP"}: ${server.title} listens on ` +
            `${plain.map(({ text }) => text).join(", ")} without ssl: add ssl, or return a redirect`,
        ]
      : []),
    ...(reached.some(({ isTls }) => isTls) && protocols === undefined
      ? [
          `its Nginx uses its version's default TLS protocols for ${server.title}: set ssl_protocols`,
        ]
      : []),
    ...(reached.some(({ isTls }) => isTls) && old.length > 0
      ? [
          `its Nginx speaks ${old.join(" and ")} for ${server.title}: remove what is older than ${minimum} from ssl_protocols`,
        ]
      : []),
  ];
}
