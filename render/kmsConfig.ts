import { basename } from "node:path/posix";
import { matchingSecret } from "./check.ts";
import { type ConfigOverrides, type ServiceConfig, withOverrides } from "./serviceConfig.ts";
import { renderYaml } from "./yaml.ts";

export interface KmsConfig {
  /** Signs every token: 32 bytes as 64 hex digits. Secret. */
  readonly jwtKey: string;
  /** With user and password. Secret. */
  readonly databaseUri: string;
  /** The operator's own values. @default none */
  readonly overrides?: ConfigOverrides;
}

/** The KMS has no fallback for any of them: without one of these keys it ends at the start. */
export const kmsConfigDefaults: ServiceConfig = {
  FLASK_DEBUG: false,
  ORE_KEY_LENGTH: 256n,
  // Timestamps are encrypted from the first range into the second. Both go to every client.
  OPE_IN_MIN: 0n,
  OPE_IN_MAX: 2n ** 64n - 1n,
  OPE_OUT_MIN: 0n,
  OPE_OUT_MAX: 2n ** 128n - 1n,
  db_name: "KMS_db",
  attrib_col_name: "attributes",
  users_col_name: "Users",
  DE_key_location: "/secrets/DE_key.pem",
  ORE_key_location: "/secrets/ORE_key.bin",
};

/** The names in /secrets of the keys that the KMS makes at its first start. */
export function kmsKeyFiles(overrides: ConfigOverrides = {}): string[] {
  const { DE_key_location, ORE_key_location } = { ...kmsConfigDefaults, ...overrides };
  return [
    ...[DE_key_location, ORE_key_location].map((path) => basename(String(path))),
    // Fixed in its code.
    "cpabe-mk.binary",
    "cpabe-pk.binary",
  ];
}

/** The name in /secrets of the key that the KMS makes for a user. */
export const userKeyFile = (user: string): string => `cpabe-sk-CPabe_BSW07-${user}.binary`;

/** The name of the collection that has the KMS's users. */
export const usersCollection = (overrides: ConfigOverrides = {}): string =>
  String({ ...kmsConfigDefaults, ...overrides }["users_col_name"]);

/** The names of the collections that the KMS has. */
export const kmsCollections = (overrides: ConfigOverrides = {}): string[] => [
  usersCollection(overrides),
  String({ ...kmsConfigDefaults, ...overrides }["attrib_col_name"]),
];

/** The KMS's config.yaml. @throws RangeError for a key or value that the KMS can't use */
export function renderKmsConfig({ jwtKey, databaseUri, overrides = {} }: KmsConfig): string {
  return renderYaml({
    // renderYaml quotes it: unquoted hex digits may read as a number.
    FLASK_JWT_SECRET_KEY: matchingSecret(
      "the KMS's JWT key",
      jwtKey,
      /^[0-9a-f]{64}$/,
      "64 hex digits",
    ),
    backed_DB_uri: databaseUri,
    ...withOverrides(
      kmsConfigDefaults,
      overrides,
      ["FLASK_JWT_SECRET_KEY", "backed_DB_uri"],
      ["FLASK_DEBUG"],
    ),
  });
}
