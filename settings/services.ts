/** The keys of the services' own config.yaml: which ones an operator may set, and to what. */
import type { z } from "zod";
import { Fault } from "./fault.ts";
import type { KeyDoc } from "./keyDoc.ts";
import { boolean, nothing, parseBigNumber, parsed, text, wholeNumber } from "./leaves.ts";

/** A value of a service's config.yaml; numbers above 2^53 are strings of digits. */
export type ConfigValue = string | number | boolean;

export interface ServiceKey extends KeyDoc {
  readonly leaf: z.ZodType<ConfigValue>;
  /** Puts people's data into the log: for throw-away stacks only. */
  readonly debug?: true;
  /** Made by the stack itself: setting it is a mistake, and its value may be a secret. */
  readonly generated?: true;
}

export type ServiceKeys = Readonly<Record<string, ServiceKey>>;

const flag = (meaning: string): ServiceKey => ({
  type: "boolean",
  meaning,
  fallback: "false",
  leaf: boolean(),
});

/** Werkzeug's debugger runs code for whoever reaches it, so no stack may have it. */
const flaskDebugger = (): ServiceKey => ({
  ...flag("Flask's debugger, which runs code for whoever reaches it."),
  allowed: "only false",
  leaf: boolean().refine((on) => !on, {
    params: {
      fault: new Fault(
        "Allowed: only false. Flask's debugger runs code for whoever reaches it.",
        "Remove the key.",
      ),
    },
  }),
});

const debugFlag = (meaning: string): ServiceKey => ({
  ...flag(meaning),
  allowed: "true only with `cybexp:throwaway: true`",
  debug: true,
});

const bound = (meaning: string, fallback: string): ServiceKey => ({
  type: "whole number",
  meaning: `${meaning} Changing it makes stored records incompatible.`,
  allowed: "digits, quoted if above 9007199254740991",
  fallback,
  leaf: parsed(parseBigNumber),
});

const generated = (what: string, remedy: string): ServiceKey => ({
  type: "refused",
  meaning: what,
  leaf: nothing(new Fault(what, remedy)),
  secret: true,
  generated: true,
});

const databaseUri = () =>
  generated("The stack generates the database's address and password itself.", "Remove the key.");

const name = (meaning: string, fallback: string, form: RegExp, allowed: string): ServiceKey => ({
  type: "name",
  meaning,
  allowed,
  fallback,
  leaf: text(
    form,
    new Fault(`Allowed: ${allowed}.`, `Write such a name, for example ${fallback}.`),
  ),
});

const databaseName = (fallback: string) =>
  name(
    "The name of the service's database in MongoDB.",
    fallback,
    /^(?!(?:admin|config|local)$)[\w-]{1,63}$/i,
    "1 to 63 letters, digits, _ and -, and not admin, config or local",
  );

const collectionName = (meaning: string, fallback: string) =>
  name(meaning, fallback, /^[\w-]{1,100}$/, "1 to 100 letters, digits, _ and -");

/** Flags of the collector that put records, keys or its whole configuration into the log, or drop records. */
export const collectorDebugKeys = {
  enabled: debugFlag("Says more in the log."),
  process_only_one: debugFlag("Ends after one record."),
  print_policy_config: debugFlag("Logs the whole configuration, with password and token."),
  print_incoming_record: debugFlag("Logs each record as it comes."),
  show_enc_policy: debugFlag("Logs what is done to each field."),
  print_left_keys: debugFlag("Logs the names of the fields."),
  print_encrypted_record: debugFlag("Logs each record as it is sent."),
  do_not_post_data: debugFlag("Sends nothing: every record is lost."),
  print_was_posted: debugFlag("Logs whether each record was stored."),
} satisfies ServiceKeys;

/** Outside the volume at /secrets, a key would be lost with the container, and all data with it. */
const keyFile = (meaning: string, fallback: string): ServiceKey => ({
  type: "path",
  meaning,
  allowed: "a file directly in /secrets, the volume that is kept",
  fallback,
  leaf: text(
    /^\/secrets\/[A-Za-z0-9][\w.-]{0,99}$/,
    new Fault(
      "Allowed: a file directly in /secrets; a key anywhere else is lost with the container.",
      `Write such a path, for example ${fallback}.`,
    ),
  ),
});

export const kmsKeys = {
  FLASK_DEBUG: flaskDebugger(),
  FLASK_JWT_SECRET_KEY: generated(
    "The stack generates the key that signs tokens.",
    "Remove the key; for a new one, raise cybexp:rotation.kmsJwtKey.",
  ),
  ORE_KEY_LENGTH: {
    type: "whole number",
    meaning: "The KMS reads it, but doesn't use it.",
    allowed: "1 to 65536",
    fallback: "256",
    leaf: wholeNumber(1, 65536),
  },
  OPE_IN_MIN: bound("The smallest number that order-preserving encryption accepts.", "0"),
  OPE_IN_MAX: bound(
    "The largest number that order-preserving encryption accepts.",
    "18446744073709551615",
  ),
  OPE_OUT_MIN: bound("The smallest number that order-preserving encryption produces.", "0"),
  OPE_OUT_MAX: bound(
    "The largest number that order-preserving encryption produces.",
    "340282366920938463463374607431768211455",
  ),
  backed_DB_uri: databaseUri(),
  db_name: databaseName("KMS_db"),
  attrib_col_name: collectionName("The collection of known attributes.", "attributes"),
  users_col_name: collectionName("The collection of accounts.", "Users"),
  DE_key_location: keyFile("The file of the deterministic-encryption key.", "/secrets/DE_key.pem"),
  ORE_key_location: keyFile("The file of the order-preserving key.", "/secrets/ORE_key.bin"),
} satisfies ServiceKeys;

export const backendKeys = {
  debug_mode_flask: flaskDebugger(),
  debug: debugFlag("Logs queries."),
  print_time_comparison: debugFlag("Logs the times that a query compares."),
  print_pre_time_filtered_data: debugFlag("Logs the records before the time filter."),
  print_time_filtered_data: debugFlag("Logs the records after the time filter."),
  print_response: debugFlag("Logs the answers."),
  add_missing_data_to_response_on_missing_time: flag(
    "Adds records that have no time to the answer to a query by time.",
  ),
  backed_DB_uri: databaseUri(),
  db_name: databaseName("priv_backend"),
  col_name: collectionName("The collection of records.", "enc_data"),
} satisfies ServiceKeys;

/** Where a service keeps its accounts or records: its database, and the collections in it. */
export const DATA = {
  kms: (config: Readonly<Record<string, ConfigValue>>) => ({
    database: String(config["db_name"] ?? kmsKeys.db_name.fallback),
    collections: [String(config["users_col_name"] ?? kmsKeys.users_col_name.fallback)],
  }),
  backend: (config: Readonly<Record<string, ConfigValue>>) => ({
    database: String(config["db_name"] ?? backendKeys.db_name.fallback),
    collections: [String(config["col_name"] ?? backendKeys.col_name.fallback)],
  }),
};
