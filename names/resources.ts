/** The names of resources in the program. Some code gives these names, and other code looks for them. */

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
  /** Of the one that is called so; others have their name after it, as in Docker. */
  collector: "collector",
  users: "user",
  clients: "client",
  modules: "module",
  kmsKeys: "kms-key-files",
  kmsAccounts: "kms-accounts",
  smoke: "smoke",
} as const;

/** The name for a member of a list, such as `client-ann` or `kept-kms-secrets`. */
export const memberName = (list: string, member: string): string => `${list}-${member}`;
/** The names for the passwords of the KMS's accounts. */
export const ADMINISTRATOR_PASSWORD = "kms-administrator";
export const accountPassword = (user: string): string => memberName("kms-account", user);
/** The name for one generation of a secret, such as `server-ca-2`. */
export const generationName = (name: string, generation: number): string => `${name}-${generation}`;
/** The name for the request that a certificate is made from. */
export const requestName = (certificate: string): string => `${certificate}-request`;
/** The name for a certificate's private key. */
export const keyName = (certificate: string): string => `${certificate}-key`;
/** The certificate that a key with such a name belongs to; undefined for any other name. */
export const certificateOf = (key: string): string | undefined => /^(.+)-key$/.exec(key)?.[1];
/** The name for the certificate that tells when to renew one that our own program signed. */
export const clockName = (certificate: string): string => `${certificate}-clock`;
/** The name for the program that makes a volume belong to its user. */
export const ownerName = (volume: string): string => `${volume}-owner`;

/** A member of a list and its generation, read from a name; undefined for any other name. */
export function generationIn(
  list: string,
  name: string,
): { readonly member: string; readonly generation: number } | undefined {
  const [, member, generation] = new RegExp(`^${list}-(.+)-(\\d+)$`).exec(name) ?? [];
  return member === undefined ? undefined : { member, generation: Number(generation) };
}

/** The number in a name that `generationName` made from `of`; undefined for any other name. */
export function numberIn(of: string, name: string): number | undefined {
  const [, number] = new RegExp(`^${of}-(\\d+)$`).exec(name) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** Which authority a name such as `server-ca-2` stands for; undefined for any other name. */
export function authorityIn(name: string): "server" | "client" | undefined {
  return numberIn(NAME.serverCa, name) !== undefined
    ? "server"
    : numberIn(NAME.clientCa, name) !== undefined
      ? "client"
      : undefined;
}

/** The resource's name in the program: the last part of its URN. */
export const nameIn = (urn: string): string => urn.split("::").at(-1) ?? urn;

/** Its type after the types of the components around it, the outermost first, as in `a:b:C$d:e:F`. */
export const typesIn = (urn: string): string => urn.split("::")[2] ?? "";

/** Its own type. */
export const typeIn = (urn: string): string => typesIn(urn).split("$").at(-1) ?? "";

/** Whether it is, or is in, a component of the type. */
export const isPartOf = (component: string, urn: string): boolean =>
  typesIn(urn).split("$").includes(component);

/** The stack in a URN; undefined for any other text. */
export const stackIn = (urn: string): string | undefined => /^urn:pulumi:([^:]+)::/.exec(urn)?.[1];

/** What a program's environment tells the next run, a preview and the doctor. */
export const RECORDED = {
  /** The digest of the release that was delivered. */
  release: "RELEASE",
  /** The rotation numbers of the last `up` that finished, as JSON. */
  rotation: "ROTATION",
  /** What each door asks for, as JSON. */
  access: "ACCESS",
  /** The accounts at the KMS with their attributes, as JSON. */
  accounts: "ACCOUNTS",
  /** Where a service's database outside of the stack is. */
  database: "DATABASE",
  /** The subject that a request was signed with. */
  subject: "SUBJECT",
} as const;

/** One of these values; undefined if the resource has none, or if it is not known yet. */
export function recorded(
  what: keyof typeof RECORDED,
  properties: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  const environment = properties?.["environment"] as Record<string, unknown> | null | undefined;
  const value = environment?.[RECORDED[what]];
  return typeof value === "string" ? value : undefined;
}
