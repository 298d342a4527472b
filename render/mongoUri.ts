import { matching, wholeNumber } from "./check.ts";

export interface MongoUri {
  readonly user: string;
  readonly password: string;
  /** A host name or IPv4 address. */
  readonly host: string;
  readonly port: number;
  /** The database to use. */
  readonly database: string;
  /** The database that knows the user. */
  readonly authSource: string;
}

/** A connection string for one server that asks for a password. Secret. */
export function mongoUri(uri: MongoUri): string {
  const host = matching(
    "the database host",
    uri.host,
    /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/,
    "a host name",
  );
  const port = wholeNumber("the database port", uri.port, 1, 65535);
  return (
    `mongodb://${percentEncode(uri.user)}:${percentEncode(uri.password)}@${host}:${port}` +
    `/${percentEncode(uri.database)}?authSource=${percentEncode(uri.authSource)}`
  );
}

/** Leaves only RFC 3986's unreserved characters; encodeURIComponent leaves !'()* too. */
export function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
