/** The servers whose certificates come from an ACME server. */
import { kapowServerName } from "./urls.ts";
import type { Settings } from "./types.ts";

/** A server and what its certificate is for. */
export interface ServerNames {
  readonly name: "proxy" | "kapow";
  readonly names: readonly string[];
}

/** The names of Kapow!'s certificate, if it is renewed: behind the proxy alone, nobody else sees it. */
export function kapowRenewal(settings: Settings): { readonly names: string[] } | undefined {
  const { certificates, kapow } = settings;
  return certificates.source !== "acme" || kapow?.listen === undefined
    ? undefined
    : { names: [kapowServerName(settings), ...kapow.serverNames] };
}

export function namesOfServers(settings: Settings): ServerNames[] {
  const { serverName, serverNames } = settings.proxy;
  const kapow = kapowRenewal(settings);
  return [
    { name: "proxy", names: [serverName, ...serverNames] },
    ...(kapow ? [{ name: "kapow" as const, ...kapow }] : []),
  ];
}

/** The same, as they are renewed. @param volumes Where each finds its certificate. */
export function renewedServers<V>(
  settings: Settings,
  volumes: Readonly<Record<ServerNames["name"], V | undefined>>,
) {
  return namesOfServers(settings).flatMap(({ name, names }) => {
    const volume = volumes[name];
    const generation = settings.rotation.serverCertificate;
    return volume === undefined ? [] : [{ name, names, generation, volume }];
  });
}
