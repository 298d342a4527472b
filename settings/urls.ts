/** The URLs at which callers reach the stack's services. */
import type { Settings } from "./types.ts";

/** The name in Kapow!'s own certificate. */
export function kapowServerName({ kapow, proxy }: Settings): string {
  return kapow?.serverName ?? proxy.serverName;
}

/** URLs without a trailing slash. Kapow!'s goes through the proxy if it has a door there. */
export function urlsOf(settings: Settings) {
  const { kms, backend, proxy, kapow } = settings;
  const url = (host: string, port: number) => `https://${host}:${port}`;
  return {
    kms: url(proxy.serverName, kms.listen),
    backend: url(proxy.serverName, backend.listen),
    kapow: kapow?.door
      ? url(proxy.serverName, kapow.door.listen)
      : kapow?.listen && url(kapowServerName(settings), kapow.listen),
  };
}
