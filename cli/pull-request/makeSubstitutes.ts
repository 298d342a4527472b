import { createHmac, randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { PassphraseEncryption } from "./passphrase.ts";
import type { Places } from "./places.ts";
import type { Substitutes } from "./rehearsal.ts";
import { passphraseFile, stateFolder } from "./childEnvironment.ts";
import { type Part, substituteFor } from "./substituteImages.ts";

/** Creates the state's folder and passphrase, and the substitutes for real secrets, images and listeners. */
export function makeSubstitutes(
  folder: string,
  places: Places,
  missing: readonly Part[],
): Substitutes {
  mkdirSync(stateFolder(folder), { recursive: true, mode: 0o700 });
  const passphrase = randomBytes(24).toString("base64url");
  writeFileSync(passphraseFile(folder), passphrase, { mode: 0o600 });
  const encryption = new PassphraseEncryption(passphrase);
  return {
    salt: encryption.salt,
    secret: (encrypted) =>
      // The same text gives the same secret, and the secret is valid as a password.
      encryption.encrypt(
        createHmac("sha256", passphrase).update(encrypted).digest("base64url").slice(0, 40),
      ),
    image: (key, reference) =>
      missing.some((part) => part.key === key && part.reference === reference)
        ? substituteFor({ key, reference })
        : reference,
    place: (original) => places.place(original),
  };
}
