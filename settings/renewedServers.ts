/** The servers whose certificates come from an ACME server. */
import { type CertifiedServer, certifiedNames } from "./suppliedCertificates.ts";
import type { Settings } from "./types.ts";

/** A server and what its certificate is for. */
export interface ServerNames {
  readonly name: CertifiedServer;
  readonly names: readonly string[];
}

/** Whether a container renews what a server shows. Of Kapow! behind the proxy alone, nobody else sees it. */
export function isRenewed({ certificates, kapow }: Settings, server: CertifiedServer): boolean {
  return certificates.source === "acme" && (server === "proxy" || kapow?.listen !== undefined);
}

export function namesOfServers(settings: Settings): ServerNames[] {
  return (["proxy", "kapow"] as const)
    .filter((server) => isRenewed(settings, server))
    .map((name) => ({ name, names: certifiedNames(settings, name) }));
}

/** The same, as they are renewed. @param volumes Where each finds its certificate. */
export function renewedServers<V>(
  settings: Settings,
  volumes: Readonly<Record<CertifiedServer, V | undefined>>,
) {
  return namesOfServers(settings).flatMap(({ name, names }) => {
    const volume = volumes[name];
    const generation = settings.rotation.serverCertificate;
    return volume === undefined ? [] : [{ name, names, generation, volume }];
  });
}
