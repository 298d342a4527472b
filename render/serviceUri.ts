/** The connection string of a database that the stack does not run, as its service gets it. */
import { isIP } from "node:net";
import {
  type DatabaseHost,
  type DatabaseUri,
  describeHosts,
  isEncrypted,
  optionOf,
} from "../settings/databaseUri.ts";
import { percentEncode } from "./mongoUri.ts";

/** What DNS says about `mongodb+srv://`, or what is written. */
export interface ResolvedHosts {
  readonly hosts: readonly DatabaseHost[];
  /** Options from DNS. What is written counts more. */
  readonly options: readonly (readonly [name: string, value: string])[];
}

/** The host of a database that is given by an address: its service reaches it by this name. */
export const ADDRESSLESS = "database";

/** The hosts as they are written; undefined if DNS has to be asked. */
export function writtenHosts({ srv, hosts }: DatabaseUri): ResolvedHosts | undefined {
  return srv ? undefined : { hosts, options: [] };
}

/** The names by which a service calls the hosts. */
export function namesOfHosts({ hosts }: ResolvedHosts): string[] {
  return [...new Set(hosts.map(({ name }) => nameOf(name)))];
}

const nameOf = (host: string): string => (isIP(host) === 0 ? host : ADDRESSLESS);

/**
 * With written hosts in place of one to look up: a service has no way to DNS, and its driver may lack what that
 * takes. Secret.
 *
 * @param caFile The path of the CA's certificates in the service's container.
 */
export function serviceUri(
  uri: DatabaseUri,
  { hosts, options }: ResolvedHosts,
  caFile: string | undefined,
): string {
  const written = uri.options.filter(
    ([name]) => !/^(srvMaxHosts|ssl|tls)$/i.test(name) && name !== "",
  );
  const has = (name: string) => optionOf(uri, name.toLowerCase()) !== undefined;
  const all = [
    ...written,
    ...options.filter(([name]) => !has(name)),
    ...(isEncrypted(uri) ? ([["tls", "true"]] as const) : []),
    ...(caFile === undefined || !isEncrypted(uri)
      ? []
      : ([["tlsCAFile", percentEncode(caFile)]] as const)),
  ];
  const places = hosts.map(({ name, port }) => `${nameOf(name)}:${port}`).join(",");
  const query = all.map(([name, value]) => `${name}=${value}`).join("&");
  return (
    `mongodb://${percentEncode(uri.user)}:${percentEncode(uri.password)}@${places}` +
    `/${percentEncode(uri.database)}${query && `?${query}`}`
  );
}

/**
 * Where a service's data is, for people and for comparing: hosts and the database's name, and no secret.
 *
 * @param database The service's database (`db_name`), which is not that of the connection string.
 */
export const placeOf = (uri: DatabaseUri, database: string): string =>
  `${describeHosts(uri)}/${database}`;
