/** Files in the proxy's /tmp by which its workers are told something without a reload. */

/** It is there while a stand-in serves behind a door. */
export function handoverFile(door: string): string {
  return `/tmp/handover-${door}`;
}

/**
 * It is there shortly before and during a reload, and makes an answer the last one on its connection.
 * Only an Nginx that closes idle connections at a reload, whatever may be on its way there, looks
 * for it; it tells at the status port's `/linger` how many seconds before.
 */
export const CLOSING_FILE = "/tmp/closing";
