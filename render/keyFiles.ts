/**
 * The key files of CYBEX-P's modules. The modules store as a key whatever the KMS or a proxy in front of it
 * answers, so an error page stays there, and is read as the key, until somebody deletes the file.
 */
import { createPublicKey } from "node:crypto";

/** Their names in /secrets, as `renderModuleConfig` has them. */
export const KEY_FILES = [
  "de.bin",
  "ore.bin",
  "ore_params.bin",
  "cpabe_pub.bin",
  "cpabe_secret.bin",
] as const;

export type KeyFile = (typeof KEY_FILES)[number];

/** What is wrong with a key file, as the end of a sentence that begins with its name. Never its content. */
export function keyFileFault(name: KeyFile, content: Uint8Array): string | undefined {
  const text = Buffer.from(content).toString("latin1").trim();
  if (text === "") {
    return "is empty";
  }
  const page = pageFault(text, name);
  return (
    page ?? (name === "de.bin" ? pemFault(text) : name === "ore.bin" ? oreFault(text) : undefined)
  );
}

function pageFault(text: string, name: KeyFile): string | undefined {
  if (/^<(!doctype|html|\?xml)/i.test(text)) {
    return "is an error page (HTML)";
  }
  const json = jsonOf(text);
  if (name === "ore_params.bin") {
    const range = (json ?? {}) as Record<string, unknown>;
    return "ORE_IN_MAX" in range ? undefined : "is not the KMS's number range";
  }
  return json === undefined ? undefined : "is an error message (JSON)";
}

function pemFault(text: string): string | undefined {
  try {
    createPublicKey(text);
    return undefined;
  } catch {
    return "is not a public key in PEM";
  }
}

/** The KMS gives 256 bytes in base64. */
function oreFault(text: string): string | undefined {
  return /^[A-Za-z0-9+/\s]{40,}={0,2}$/.test(text) ? undefined : "is not a key in base64";
}

/** An object that is the whole text. */
function jsonOf(text: string): object | undefined {
  if (!text.startsWith("{")) {
    return undefined;
  }
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}
