/** What resources are called in the program: names that are made on one side and looked for on another. */

/** The names that `index.ts` gives. */
export const NAME = {
  deployment: "deployment",
  rotationGuard: "rotation-guard",
  kept: "kept",
  engineSize: "engine-size",
  kms: "kms",
  backend: "backend",
  proxy: "proxy",
  kapow: "kapow",
  acme: "acme",
  serverCa: "server-ca",
  clientCa: "client-ca",
  serverCertificate: "server-certificate",
  kapowCertificate: "kapow-certificate",
  kapowHealth: "kapow-health",
  kapowProxy: "kapow-proxy",
  users: "user",
  clients: "client",
  modules: "module",
  smoke: "smoke",
} as const;

/** Of a list's member, such as `client-ann`, or `kept-kms-secrets`. */
export const memberName = (list: string, member: string): string => `${list}-${member}`;
/** Of a secret of which there are several, one after the other, such as `server-ca-2`. */
export const generationName = (name: string, generation: number): string => `${name}-${generation}`;
/** Of the request that a certificate is made from. */
export const requestName = (certificate: string): string => `${certificate}-request`;
/** Of a certificate's private key. */
export const keyName = (certificate: string): string => `${certificate}-key`;
/** The certificate that a key of such a name is for; undefined for any other name. */
export const certificateOf = (key: string): string | undefined => /^(.+)-key$/.exec(key)?.[1];
/** Of the certificate that tells when one that a program of ours signs is to be renewed. */
export const clockName = (certificate: string): string => `${certificate}-clock`;
/** Of the program that hands a volume to its user. */
export const ownerName = (volume: string): string => `${volume}-owner`;

/** A member of a list and its generation, read from a name; undefined for any other name. */
export function generationIn(
  list: string,
  name: string,
): { readonly member: string; readonly generation: number } | undefined {
  const [, member, generation] = new RegExp(`^${list}-(.+)-(\\d+)$`).exec(name) ?? [];
  return member === undefined ? undefined : { member, generation: Number(generation) };
}

/** The number in such a name as `generationName` makes of `of`; undefined for any other. */
export function numberIn(of: string, name: string): number | undefined {
  const [, number] = new RegExp(`^${of}-(\\d+)$`).exec(name) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** Which authority has such a name as `server-ca-2`; undefined for any other name. */
export function authorityIn(name: string): "server" | "client" | undefined {
  return numberIn(NAME.serverCa, name) !== undefined
    ? "server"
    : numberIn(NAME.clientCa, name) !== undefined
      ? "client"
      : undefined;
}

/** The resource's name in the program, the last part of its URN. */
export const nameIn = (urn: string): string => urn.split("::").at(-1) ?? urn;

/** Its type with those of the components around it, the outermost first, as in `a:b:C$d:e:F`. */
export const typesIn = (urn: string): string => urn.split("::")[2] ?? "";

/** Its own type. */
export const typeIn = (urn: string): string => typesIn(urn).split("$").at(-1) ?? "";

/** Whether it is, or lies in, a component of the type. */
export const isPartOf = (component: string, urn: string): boolean =>
  typesIn(urn).split("$").includes(component);

/** The stack in a URN; undefined for what is none. */
export const stackIn = (urn: string): string | undefined => /^urn:pulumi:([^:]+)::/.exec(urn)?.[1];

/** What a program's environment tells the next run, a preview and the doctor. */
export const RECORDED = {
  /** The digest of the release that was delivered. */
  release: "RELEASE",
  /** The rotation numbers of the last `up` that got to its end, as JSON. */
  rotation: "ROTATION",
  /** What each door asks for, as JSON. */
  access: "ACCESS",
  /** The subject that a request was signed with. */
  subject: "SUBJECT",
} as const;

/** One of them; undefined where the resource has none, or it is not known yet. */
export function recorded(
  what: keyof typeof RECORDED,
  properties: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  const environment = properties?.["environment"] as Record<string, unknown> | null | undefined;
  const value = environment?.[RECORDED[what]];
  return typeof value === "string" ? value : undefined;
}
