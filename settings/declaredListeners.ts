import type { Settings } from "./types.ts";

/** A port that a container publishes on the Docker host. */
export interface DeclaredListener {
  /** The container's role. */
  readonly role: string;
  readonly address: string;
  readonly port: number;
}

/** Every listener that the stack's config asks for; nothing else of it may listen. */
export function declaredListeners(settings: Settings): DeclaredListener[] {
  const { kms, backend, proxy, database, kapow } = settings;
  return [
    { role: "kms", ...kms.bind },
    { role: "backend", ...backend.bind },
    { role: "proxy", address: proxy.address, port: kms.listen },
    { role: "proxy", address: proxy.address, port: backend.listen },
    ...(database.publish.kms ? [{ role: "kms-db", ...database.publish.kms }] : []),
    ...(database.publish.backend ? [{ role: "backend-db", ...database.publish.backend }] : []),
    ...(kapow?.door ? [{ role: "proxy", address: proxy.address, port: kapow.door.listen }] : []),
    ...(kapow?.listen ? [{ role: "kapow", address: kapow.address, port: kapow.listen }] : []),
  ];
}
