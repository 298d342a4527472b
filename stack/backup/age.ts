/** Encryption of backups, in the format of age (age-encryption.org/v1), which age itself reads, too. */
import { UserError } from "../../programs/errors.ts";

/** Whom a backup is encrypted for. */
export type Lock =
  | { readonly recipients: readonly string[] }
  | {
      /** Secret. */
      readonly passphrase: string;
    };

/** What opens a backup. */
export type Key =
  | {
      /** Secret. */
      readonly passphrase: string;
    }
  | {
      /** Secret keys of recipients. */
      readonly identities: readonly string[];
    };

/** Loaded when it is needed: it takes longer to load than the rest of a command. */
const library = () => import("age-encryption");

/** @throws UserError for a recipient that is not one */
export async function encrypted(
  data: ReadableStream<Uint8Array>,
  lock: Lock,
): Promise<ReadableStream<Uint8Array>> {
  const { Encrypter } = await library();
  const encrypter = new Encrypter();
  if ("passphrase" in lock) {
    encrypter.setPassphrase(lock.passphrase);
  } else {
    for (const recipient of lock.recipients) {
      try {
        encrypter.addRecipient(recipient);
      } catch {
        throw new UserError(
          `cybexp:backup.recipients has ${recipient}, which is mistyped: its checksum is wrong. Copy the public key again`,
        );
      }
    }
  }
  return encrypter.encrypt(data);
}

/**
 * The content of an encrypted file. What comes out is what was put in, or it ends with an error: a piece that was
 * changed never comes out, and neither does the end of a file that was cut off.
 *
 * @param name What messages call the file.
 * @throws UserError when the key is wrong, or the file is damaged
 */
export async function* decrypted(
  data: AsyncIterable<Uint8Array>,
  key: Key,
  name: string,
): AsyncGenerator<Uint8Array> {
  const { Decrypter } = await library();
  const decrypter = new Decrypter();
  if ("passphrase" in key) {
    decrypter.addPassphrase(key.passphrase);
  } else {
    for (const identity of key.identities) {
      try {
        decrypter.addIdentity(identity);
      } catch {
        throw new UserError(
          "the identity file has a line that is not a secret key of age: each begins with AGE-SECRET-KEY-",
        );
      }
    }
  }
  const source = ReadableStream.from<Uint8Array>(data);
  const content = await opened(() => decrypter.decrypt(source), key, name);
  try {
    yield* content as unknown as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw isOfSystem(error)
      ? error
      : new UserError(`${name} is damaged or cut off: use another backup`);
  }
}

async function opened<T>(open: () => Promise<T>, key: Key, name: string): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (isOfSystem(error)) {
      throw error;
    }
    if (error instanceof Error && error.message.startsWith("no identity matched")) {
      throw new UserError(
        "passphrase" in key
          ? `the passphrase does not open ${name}: it was encrypted with another one, or for recipients (--identity)`
          : `the identity does not open ${name}: it was encrypted for other recipients, or with a passphrase (--passphrase-file)`,
      );
    }
    throw new UserError(`${name} is not a backup, or its beginning is damaged`);
  }
}

const isOfSystem = (error: unknown): boolean =>
  typeof (error as NodeJS.ErrnoException).code === "string";
