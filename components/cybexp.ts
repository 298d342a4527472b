/**
 * CYBEX-P's services and the database that they have, for programs that deploy them beside services of their own.
 * They need the components of `cybexp-pulumi`.
 *
 * @module cybexp-pulumi/cybexp
 */
export { Backend, type BackendArgs } from "./backend.ts";
export { Collector, type CollectorArgs } from "./collector.ts";
export { Database, type DatabaseArgs } from "./database.ts";
export { Kapow, type KapowArgs, type KeyPair } from "./kapow.ts";
export { Kms, type KmsArgs } from "./kms.ts";
export type { ServiceDatabase } from "./serviceDatabase.ts";
export { Service, type ServiceArgs } from "./service.ts";
export type { CollectorSettings, ModuleSettings } from "../settings/types.ts";
export type { DatabaseSettings, KapowSettings, ServiceSettings } from "../settings/types.ts";
