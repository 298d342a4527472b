import type * as pulumi from "@pulumi/pulumi";
import { memberName, NAME } from "../names/resources.ts";
import {
  type CertifiedServer,
  certifiedNames,
  isSupplied,
  suppliedTo,
} from "../settings/suppliedCertificates.ts";
import { isRenewed } from "../settings/renewedServers.ts";
import type { Settings } from "../settings/types.ts";
import type { RotatedAuthority } from "./rotatedAuthority.ts";
import { ServerCertificate } from "./serverCertificate.ts";
import type { ShownCertificate } from "./shownCertificate.ts";
import { SuppliedCertificate } from "./suppliedCertificate.ts";

/** What each server shows, from where the stack's config says. */
export interface ServerCertificates {
  readonly proxy: ShownCertificate;
  /** What Kapow! shows itself, at a port of its own or to the proxy. */
  readonly kapow: ShownCertificate | undefined;
  /** Requests to get signed, PEM, by the server and the kind of key, such as `proxy-ecdsa`; undefined if none. */
  readonly requests: Readonly<Record<string, pulumi.Output<string>>> | undefined;
}

const NAMES = { proxy: NAME.serverCertificate, kapow: NAME.kapowCertificate } as const;

/** The one switch between the sources. */
export function serverCertificates(
  settings: Settings,
  authority: RotatedAuthority,
): ServerCertificates {
  const { source } = settings.certificates;
  const requests: Record<string, pulumi.Output<string>> = {};
  const certificateOf = (server: CertifiedServer) => {
    if (source === "acme" && isRenewed(settings, server)) {
      const { pairs } = generated(server, settings, authority);
      return {
        pairs,
        renewed: { names: certifiedNames(settings, server) },
        // Its end is known only where it is served.
        ends: [{ name: server, kind: "server" as const, source: "acme" as const }],
      };
    }
    if (source !== "supplied" || suppliedTo(settings, server).length === 0) {
      return generated(server, settings, authority);
    }
    const supplied = suppliedCertificate(server, settings, authority);
    for (const [kind, request] of Object.entries(supplied.requests)) {
      requests[`${server}-${kind}`] = request;
    }
    return supplied;
  };
  const proxy = certificateOf("proxy");
  const borrows = suppliedTo(settings, "kapow").length === 0 && isSupplied(settings, "proxy");
  const kapow = settings.kapow && (borrows ? proxy : certificateOf("kapow"));
  return { proxy, kapow, requests: Object.keys(requests).length > 0 ? requests : undefined };
}

function generated(
  server: CertifiedServer,
  settings: Settings,
  authority: RotatedAuthority,
): ServerCertificate {
  const [serverName = "", ...serverNames] = certifiedNames(settings, server);
  const { validityDays, renewBeforeDays } = settings.certificates;
  return new ServerCertificate(NAMES[server], {
    authority,
    serverName,
    serverNames,
    validityDays,
    renewBeforeDays,
    generation: settings.rotation.serverCertificate,
    shownBy: server,
  });
}

function suppliedCertificate(
  server: CertifiedServer,
  settings: Settings,
  authority: RotatedAuthority,
): SuppliedCertificate {
  return new SuppliedCertificate(memberName(NAMES[server], "supplied"), {
    entries: suppliedTo(settings, server),
    names: certifiedNames(settings, server),
    authorities: settings.certificates.authorities,
    generation: settings.rotation.serverCertificate,
    // Kapow! does no stapling.
    ocspStapling: server === "proxy" && settings.certificates.ocspStapling,
    shownBy: server,
    interim: () => generated(server, settings, authority),
  });
}
