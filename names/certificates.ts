/** What certificates and lists are called where their ends are told: output, metrics, warnings. */
import { KAPOW, PROXY } from "./docker.ts";
import { authorityIn, clockName, generationIn, generationName, NAME } from "./resources.ts";
import { LOCALLY_SIGNED_CERT, SELF_SIGNED_CERT } from "./types.ts";

/**
 * - `server`: what a server shows to its callers
 * - `cross`: by which an authority vouches for the one after it
 * - `authority`: of the servers' certificates, or of the clients'
 * - `crl`: an authority's revocation list
 * - `client`: what a client shows
 * - `internal`: what a container of the stack shows to another one
 */
export type CertificateKind = "server" | "cross" | "authority" | "crl" | "client" | "internal";

/** A client may be called like anything else here: the slash keeps them apart. */
export const clientCertificate = (client: string, generation: number): string =>
  `client/${generationName(client, generation)}`;

/** The client and generation in such a name; undefined for any other. */
export function clientIn(name: string) {
  const [, client = "", generation = ""] = /^client\/(.+)-(\d+)$/.exec(name) ?? [];
  return client === "" ? undefined : { client, generation: Number(generation) };
}

/** Of the number of an authority that vouches for the one after it. */
export const crossName = (authority: string, generation: number): string =>
  `${authority}-cross-${generation}`;

/** Of an authority's revocation list. */
export const listName = (authority: string): string => `${authority}-crl`;

/** The authority whose list has such a name; undefined for any other. */
export const authorityOfList = (name: string): string | undefined => /^(.+)-crl$/.exec(name)?.[1];

/** Server certificates are called as who shows them. */
const SERVERS: Readonly<Record<string, string>> = {
  [NAME.serverCertificate]: PROXY,
  [NAME.kapowCertificate]: KAPOW,
};

export interface NamedCertificate {
  readonly name: string;
  readonly kind: CertificateKind;
}

/** What the certificate of a resource is called; undefined for what is none that anybody shows. */
export function certificateNamed(type: string, resource: string): NamedCertificate | undefined {
  switch (type) {
    case LOCALLY_SIGNED_CERT: {
      const server = SERVERS[resource];
      return server !== undefined
        ? { name: server, kind: "server" }
        : (ofClient(resource) ??
            (CROSS.test(resource) ? { name: resource, kind: "cross" } : undefined));
    }
    case SELF_SIGNED_CERT:
      // A certificate that is made from a request has its times from a clock.
      return authorityIn(resource) !== undefined
        ? { name: resource, kind: "authority" }
        : (ofClient(CLOCK.exec(resource)?.[1]) ?? { name: resource, kind: "internal" });
    default:
      return undefined;
  }
}

function ofClient(resource = ""): NamedCertificate | undefined {
  const client = generationIn(NAME.clients, resource);
  return client && { name: clientCertificate(client.member, client.generation), kind: "client" };
}

const CROSS = /-cross-\d+$/;
const CLOCK = new RegExp(`^(.+)${clockName("")}$`);
