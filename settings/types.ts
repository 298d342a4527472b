/**
 * The stack's configuration after validation: every default applied, every value checked. Components
 * and `index.ts` read only this. The types are the schema's own; `schema.ts` says what each key means.
 */
import type { z } from "zod";
import type { schema } from "./schema.ts";

export type { Endpoint } from "./addresses.ts";

/** What nobody changes once it is checked. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

export type Settings = Frozen<z.output<typeof schema>>;

/** What may lack anything that it has. */
export type Partly<T> = T extends object
  ? { readonly [K in keyof T]?: Partly<T[K]> | undefined }
  : T;

/** The settings without what can't be taken: undefined stands in its place. */
export type PartialSettings = Partly<Settings>;

/** KMS or Backend. */
export type ServiceSettings = Settings["kms"];
/** What a service's door asks of a caller: one of the two, either, or both. */
export type Access = ServiceSettings["access"];
/** What a container may take; what is left out has a default that follows from the engine. */
export type Resources = NonNullable<ServiceSettings["resources"]>;
export type DatabaseSettings = Settings["database"];
export type ProxySettings = Settings["proxy"];
export type ProxyResources = NonNullable<ProxySettings["resources"]>;
export type UserSettings = Settings["users"][number];
/** Who may present a certificate. A user of the same name is the same caller to the services. */
export type ClientSettings = Settings["clients"][number];
/** The keys that are made for clients. */
export type ClientKeyType = ClientSettings["keyType"];
/** A Kapow! server: reached by its own port and mutual TLS, through the proxy, or both. */
export type KapowSettings = NonNullable<Settings["kapow"]>;
/** What the modules' own config.yaml says of their machine. */
export type ModuleSettings = Settings["modules"];
