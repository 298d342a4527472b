/**
 * The stack's configuration after validation: every default applied, every value checked. Components
 * and `index.ts` read only this. The types are the schema's own; `schema.ts` says what each key means.
 */
import type { z } from "zod";
import type { schema } from "./schema.ts";

export type { Endpoint } from "./addresses.ts";

/** A value that nobody changes after validation. */
type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

export type Settings = Frozen<z.output<typeof schema>>;

/** The same, with every part optional. */
export type Partly<T> = T extends object
  ? { readonly [K in keyof T]?: Partly<T[K]> | undefined }
  : T;

/** The settings with undefined in place of every value that was refused. */
export type PartialSettings = Partly<Settings>;

/**
 * KMS or Backend.
 *
 * @interface
 */
export type ServiceSettings = Settings["backend"];
/** What a service's door asks of a caller: one of the two, either, or both. */
export type Access = ServiceSettings["access"];
/** What a container may use. The defaults follow from the engine. */
export type Resources = NonNullable<ServiceSettings["resources"]>;
/**
 * The services' databases: run here, or somewhere else.
 *
 * @interface
 */
export type DatabaseSettings = Settings["database"];
/**
 * The proxy: its image, its name and addresses, and how it treats requests.
 *
 * @interface
 */
export type ProxySettings = Settings["proxy"];
export type ProxyResources = NonNullable<ProxySettings["resources"]>;
/**
 * Who may sign in with a password.
 *
 * @interface
 */
export type UserSettings = Settings["users"][number];
/**
 * Who may present a certificate. A user of the same name is the same caller to the services.
 *
 * @interface
 */
export type ClientSettings = Settings["clients"][number];
/** The types of keys that are made for clients. */
export type ClientKeyType = ClientSettings["keyType"];
/**
 * A Kapow! server: reached on its own port with mutual TLS, through the proxy, or both.
 *
 * @interface
 */
export type KapowSettings = NonNullable<Settings["kapow"]>;
/**
 * A collector: takes records of one source, encrypts them and sends them to the Backend.
 *
 * @interface
 */
export type CollectorSettings = Settings["collector"][number];
/**
 * What the modules' own config.yaml says about their machine.
 *
 * @interface
 */
export type ModuleSettings = Settings["modules"];
