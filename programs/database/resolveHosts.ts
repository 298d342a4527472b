/** Looks up the hosts of `mongodb+srv://` (the specification of MongoDB's DNS seed list). */
import { resolveSrv, resolveTxt } from "node:dns/promises";
import { type ResolvedHosts, writtenHosts } from "../../render/serviceUri.ts";
import { type DatabaseUri, optionOf } from "../../settings/databaseUri.ts";
import { UserError } from "../errors.ts";

export interface Dns {
  resolveSrv(name: string): Promise<readonly { readonly name: string; readonly port: number }[]>;
  resolveTxt(name: string): Promise<readonly (readonly string[])[]>;
}

/** What a TXT record may say. */
const FROM_DNS = ["authSource", "replicaSet", "loadBalanced"];

/** @throws UserError with a sentence, where DNS does not answer or answers with what it must not */
export async function resolveHosts(
  uri: DatabaseUri,
  dns: Dns = { resolveSrv, resolveTxt },
): Promise<ResolvedHosts> {
  const written = writtenHosts(uri);
  const name = uri.hosts[0]?.name;
  if (written !== undefined || name === undefined) {
    return written ?? { hosts: [], options: [] };
  }
  const records = await dns.resolveSrv(`_mongodb._tcp.${name}`).catch((error: unknown) => {
    const { code = "no answer" } = error as NodeJS.ErrnoException;
    throw new UserError(
      `DNS: there is no SRV record _mongodb._tcp.${name} (${code}), asked from this machine. Correct the name, or write the hosts out with mongodb://`,
    );
  });
  const hosts = records
    .map((record) => ({
      name: record.name.toLowerCase().replace(/\.$/, ""),
      port: record.port,
    }))
    .sort((a, b) => (`${a.name}:${a.port}` < `${b.name}:${b.port}` ? -1 : 1));
  // Otherwise whoever answers for DNS could send the service, and its password, anywhere.
  const parts = name.split(".");
  const domain = `.${(parts.length > 2 ? parts.slice(1) : parts).join(".")}`;
  const stranger = hosts.find((host) => !host.name.endsWith(domain));
  if (stranger !== undefined) {
    throw new UserError(
      `DNS: the SRV record of ${name} names ${stranger.name}, which is not in the domain ${domain.slice(1)}`,
    );
  }
  const most = Number(optionOf(uri, "srvmaxhosts") ?? 0);
  return {
    hosts: most > 0 ? hosts.slice(0, most) : hosts,
    options: optionsIn(await dns.resolveTxt(name).catch(none(name)), name),
  };
}

/** Most have no such record. Without an answer, the options would be other ones than last time. */
const none = (name: string) => (error: unknown) => {
  const { code = "no answer" } = error as NodeJS.ErrnoException;
  if (code === "ENODATA" || code === "ENOTFOUND") {
    return [];
  }
  throw new UserError(`DNS: it is unknown whether ${name} has a TXT record (${code})`);
};

function optionsIn(records: readonly (readonly string[])[], name: string) {
  const text = (records[0] ?? []).join("");
  const options = text
    .split("&")
    .filter((option) => option !== "")
    .map((option): [string, string] => {
      const [key = "", ...value] = option.split("=");
      return [key, value.join("=")];
    });
  if (records.length > 1 || options.some(([key]) => !FROM_DNS.includes(key))) {
    throw new UserError(
      `DNS: the TXT record of ${name} has more than ${FROM_DNS.join(", ")}, which are all that MongoDB allows there`,
    );
  }
  return options;
}
