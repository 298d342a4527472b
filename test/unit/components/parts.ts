/** What several tests begin from: settings, parts of a stack that are made of them, and the whole of it. */
import { readFileSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import { parse } from "yaml";
import type * as Index from "../../../index.ts";
import { Backend, type BackendArgs } from "../../../components/backend.ts";
import { ClientList } from "../../../components/clientList.ts";
import { Database, type DatabaseArgs } from "../../../components/database.ts";
import type { KapowArgs } from "../../../components/kapow.ts";
import { Kms, type KmsArgs } from "../../../components/kms.ts";
import {
  RotatedAuthority,
  type RotatedAuthorityArgs,
} from "../../../components/rotatedAuthority.ts";
import {
  ServerCertificate,
  type ServerCertificateArgs,
} from "../../../components/serverCertificate.ts";
import { OWN_ORGANIZATION } from "../../../names/own.ts";
import type { ClientSettings, Settings } from "../../../settings/types.ts";
import { build, type Build, deployment, passwordOf, type World } from "./mocks.ts";

export const SETTINGS: Settings = {
  kms: {
    image: "cybexp-demo/kms:1",
    bind: { address: "127.0.0.1", port: 5012 },
    listen: 5002,
    access: "password",
    config: {},
    administrator: { name: "administrator" },
  },
  backend: {
    image: "cybexp-demo/backend:1",
    bind: { address: "127.0.0.1", port: 5011 },
    listen: 5001,
    access: "password",
    config: {},
  },
  database: { image: "cybexp-demo/mongo:1", publish: {} },
  proxy: {
    image: "nginx:1.30.1",
    serverName: "cybexp.example.edu",
    serverNames: [],
    hsts: true,
    address: "192.0.2.1",
    readTimeout: 60,
    shutdownTimeout: 30,
    guesses: { perMinute: 30, burst: 5 },
  },
  certificates: {
    source: "generated",
    supplied: [],
    ocspStapling: false,
    validityDays: 5,
    renewBeforeDays: 2,
    caValidityDays: 10,
    clientValidityDays: 6,
    warnDays: 21,
  },
  users: [{ name: "collector", generation: 1, retired: 0 }],
  clients: [],
  collector: [],
  rotation: {
    kmsJwtKey: 1,
    serverCertificate: 1,
    serverCa: 1,
    serverCaRetired: 0,
    clientCa: 1,
    clientCaRetired: 0,
    kmsDatabase: 1,
    backendDatabase: 1,
  },
  modules: { config: {} },
  throwaway: false,
  lost: [],
  backup: { recipients: [], keep: {}, warnDays: 2 },
  production: false,
  state: {},
};

/** A client as the settings have it. */
export const client = (name: string, changes: Partial<ClientSettings> = {}): ClientSettings => ({
  name,
  generation: 1,
  retired: 0,
  revoked: false,
  keyType: "ecdsa",
  ...changes,
});

export const CSR = readFileSync(new URL("../fixtures/client.csr", import.meta.url), "utf8");

// Parts of a stack; make them inside of `build`.

const databaseArgs = { database: SETTINGS.database, databaseGeneration: 1, drainSeconds: 60 };

export const kms = (changes: Partial<KmsArgs> = {}) =>
  new Kms("kms", {
    deployment: deployment(),
    settings: SETTINGS.kms,
    jwtKeyGeneration: 1,
    ...databaseArgs,
    ...changes,
  });

export const backend = (changes: Partial<BackendArgs> = {}) =>
  new Backend("backend", {
    deployment: deployment(),
    settings: SETTINGS.backend,
    ...databaseArgs,
    ...changes,
  });

export const kmsDatabase = (changes: Partial<DatabaseArgs> = {}) =>
  new Database("kms-db", {
    deployment: deployment(),
    role: "kms-db",
    image: "mongo:8.0",
    database: "KMS_db",
    generation: 1,
    publish: undefined,
    ...changes,
  });

/** How a service reaches its database. */
export const kmsUri = (seed?: string) =>
  `mongodb://KMS_db-1:${passwordOf("kms-db-password-1", seed)}@kms-db:27017/KMS_db?authSource=admin`;
export const backendUri = () =>
  `mongodb://priv_backend-1:${passwordOf("backend-db-password-1")}@backend-db:27017/priv_backend?authSource=admin`;

export const authority = (name = "ca", changes: Partial<RotatedAuthorityArgs> = {}) =>
  new RotatedAuthority(name, {
    commonName: "the CA",
    organization: OWN_ORGANIZATION,
    validityDays: 10,
    generation: 1,
    overlap: false,
    ...changes,
  });

export const serverCertificate = (changes: Partial<ServerCertificateArgs> = {}) =>
  new ServerCertificate("cert", {
    authority: changes.authority ?? authority(),
    serverName: "cybexp.example.edu",
    validityDays: 5,
    renewBeforeDays: 2,
    generation: 1,
    ...changes,
  });

export const clientList = (clients: readonly ClientSettings[], of: RotatedAuthority) =>
  new ClientList("client", { authority: of, clients, validityDays: 6, renewBeforeDays: 2 });

/** What a server shows: a certificate and its key. */
export const shown = (certificate: string) => ({
  pairs: pulumi.secret([{ certificate, privateKey: "server key" }]),
  ends: [],
});

/** What a Kapow! is given beside its settings. */
export const kapowArgs = (): Omit<KapowArgs, "settings"> => ({
  deployment: deployment(),
  certificate: shown("server certificate\n"),
  clientCa: "new authority\nold authority\n",
  healthClient: {
    certificate: "health certificate\n",
    privateKey: pulumi.secret("health key"),
  },
  proxyClient: {
    certificate: "proxy certificate\n",
    privateKey: pulumi.secret("proxy key"),
  },
  serverName: "routes.example.edu",
  serverCa: "server authority\n",
});

/** The stack's and the project's configuration as Pulumi hands it over: text, or JSON. */
export function configOf(stackFile: string): Record<string, string> {
  const read = (file: string) =>
    (parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> }).config;
  const defaults = Object.entries(read("Pulumi.yaml")).map(([key, declared]) => [
    `cybexp:${key}`,
    (declared as { default: unknown }).default,
  ]);
  const values = { ...Object.fromEntries(defaults), ...read(stackFile) } as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
  );
}

let loads = 0;

/** Runs index.ts; make it inside of `build`. */
export function load(
  config: Record<string, string>,
  secretKeys: string[] = [],
): Promise<typeof Index> {
  pulumi.runtime.setAllConfig(config, secretKeys);
  // A module is evaluated once; another query makes it another module.
  const { href } = new URL(`../../../index.ts?${loads++}`, import.meta.url);
  return import(href) as Promise<typeof Index>;
}

/** Builds the whole program anew. */
export const program = (
  config: Record<string, string> = configOf("Pulumi.dev.yaml"),
  world: World = {},
  secretKeys: string[] = [],
): Promise<Build<(typeof Index)["default"]>> =>
  build(async () => (await load(config, secretKeys)).default, world);
