/** How a proxy's container is recognised, and the files in its /tmp that tell its workers something without a reload. */

/** What a proxy's container runs, and no other container. */
export const PROXY_ENTRYPOINT: readonly string[] = [
  ...["nginx", "-e", "stderr"],
  ...["-c", "/release/current/nginx.conf"],
];

/** It is there while a stand-in serves behind a door. */
export function handoverFile(door: string): string {
  return `/tmp/handover-${door}`;
}

/**
 * It is there shortly before and during a reload, and makes each answer the last one on its connection. Only an
 * Nginx that closes idle connections at a reload, even if a request is on its way there, looks for it. At the
 * status port's `/linger`, such an Nginx says how many seconds before the reload it needs the file.
 */
export const CLOSING_FILE = "/tmp/closing";
