/**
 * The stack's configuration after validation: every default applied, every value checked. Components
 * and `index.ts` read only this. The schema that produces it is in `schema.ts`.
 */

/** An IP address and a port, as one listener. */
export interface Endpoint {
  /** An IP address, never a host name. */
  readonly address: string;
  readonly port: number;
}

/** What a service's door asks of a caller: one of the two, either, or both. */
export type Access = "password" | "certificate" | "either" | "both";

/** What a container may take; what is left out has a default that follows from the engine. */
export interface Resources {
  /** MiB; no swap beyond it. */
  readonly memory?: number;
  /** Processors, in steps of a hundredth. */
  readonly cpus?: number;
  /** Processes and threads. */
  readonly pids?: number;
}

/** Of both databases, and of one of them. */
export interface DatabaseResources extends Resources {
  readonly kms?: Resources;
  readonly backend?: Resources;
}

export interface ProxyResources extends Resources {
  /** MiB of the engine's disk for bodies on their way. */
  readonly bodies?: number;
  /** Nginx's worker processes. */
  readonly workers?: number;
  /** Connections of each worker, to callers and to services. */
  readonly connections?: number;
}

/** KMS or Backend. */
export interface ServiceSettings {
  /** The image, as `name:tag`, `name@sha256:...` or `name:tag@sha256:...`. */
  readonly image: string;
  /** Where the operator reaches the service itself, without the proxy: always a loopback address. */
  readonly bind: Endpoint;
  /** The port at which the proxy serves it over TLS. */
  readonly listen: number;
  readonly access: Access;
  /** Keys of the service's own config.yaml that differ from our defaults; numbers above 2^53 as digits. */
  readonly config: Readonly<Record<string, string | number | boolean>>;
  readonly resources?: Resources;
}

export interface DatabaseSettings {
  readonly image: string;
  /** Loopback listeners for the operator; absent ones are not published. */
  readonly publish: { readonly kms?: Endpoint; readonly backend?: Endpoint };
  readonly resources?: DatabaseResources;
}

export interface ProxySettings {
  readonly image: string;
  /** The host name in the certificate and in `kmsUrl` and `backendUrl`. */
  readonly serverName: string;
  /** The IP address of the Docker host at which the proxy listens. */
  readonly address: string;
  /** Seconds that the proxy waits for a service to answer. */
  readonly readTimeout: number;
  /** Seconds that requests under way may go on after a rotation. */
  readonly shutdownTimeout: number;
  readonly resources?: ProxyResources;
}

export interface CertificateSettings {
  /** Where the proxy's certificate comes from. */
  readonly source: "generated";
  /** Days that a generated server certificate is valid. */
  readonly validityDays: number;
  /** An `up` within so many days of its end renews it. */
  readonly renewBeforeDays: number;
  /** Days that the generated server CA and client CA are valid. */
  readonly caValidityDays: number;
  /** Days that a client's certificate is valid. */
  readonly clientValidityDays: number;
}

export interface UserSettings {
  readonly name: string;
  /** Raising it by one makes a new password; the previous one stays good until it is retired. */
  readonly generation: number;
  /** Passwords up to this generation are refused. */
  readonly retired: number;
  /** The day from which a previous password that is still good is warned of. */
  readonly retireBy?: string;
  /** A password of the operator's own, 20 to 72 printable ASCII characters, instead of a generated one. Secret. */
  readonly password?: string;
}

/** The keys that are made for clients. */
export type ClientKeyType = "ecdsa" | "rsa";

/** Who may present a certificate. A user of the same name is the same caller to the services. */
export interface ClientSettings {
  readonly name: string;
  /** Raising it by one makes a new key and certificate; the previous ones stay good until they are retired. */
  readonly generation: number;
  /** Certificates up to this generation are refused. */
  readonly retired: number;
  /** The day from which a previous certificate that is still good is warned of. */
  readonly retireBy?: string;
  /** Every certificate up to the generation in use is refused, at each door that asks for certificates. */
  readonly revoked: boolean;
  /** A certificate request (PKCS#10, PEM) made elsewhere: the key is its owner's, and the stack has none. */
  readonly csr?: string;
  /** The key that is made where there is no request: ECDSA P-256, or RSA of 3072 bits. */
  readonly keyType: ClientKeyType;
}

/** A Kapow! server: reached by its own port and mutual TLS, through the proxy, or both. */
export interface KapowSettings {
  readonly image: string;
  /** The IP address of the Docker host at which it listens itself. */
  readonly address: string;
  /** The port of its own, if it has one. */
  readonly listen?: number;
  /** Its door at the proxy, if it has one: the proxy's port, and what is asked of callers there. */
  readonly door?: { readonly listen: number; readonly access: Access };
  /** The host name in its certificate; the proxy's if absent. */
  readonly serverName?: string;
  /** The text of the program that adds the routes, beginning with `#!`, or its path in the image. */
  readonly init: string;
  /** The route that the health check asks. */
  readonly healthRoute: string;
  /** Name or path of the program in the image. */
  readonly program: string;
  /** Whether its commands may call out of the Docker host. */
  readonly egress: boolean;
  readonly resources?: Resources;
}

/** What the modules' own config.yaml says of their machine. */
export interface ModuleSettings {
  /** Numbers of that file that differ from the defaults. */
  readonly config: Readonly<Record<string, string | number | boolean>>;
}

/** Raising a number makes the secret new with the next `up`. */
export interface RotationSettings {
  /** The KMS's token-signing key: a new one revokes every token. */
  readonly kmsJwtKey: number;
  /** The proxy's private key and certificate. */
  readonly serverCertificate: number;
  /** The private key and certificate of the server CA. */
  readonly serverCa: number;
  /** Authorities up to this number are no longer handed out nor vouched by. */
  readonly serverCaRetired: number;
  /** The day from which a previous authority that is still trusted is warned of. */
  readonly serverCaRetireBy?: string;
  /** The private key and certificate of the client CA. */
  readonly clientCa: number;
  /** Client certificates of authorities up to this number are refused. */
  readonly clientCaRetired: number;
  /** The day from which a previous client authority that is still trusted is warned of. */
  readonly clientCaRetireBy?: string;
  /** The passwords of the KMS's database. */
  readonly kmsDatabase: number;
  /** The passwords of the Backend's database. */
  readonly backendDatabase: number;
}

/** Where the state is kept: nothing here is a secret, nor gives access to one. */
export interface StateSettings {
  /** Pulumi's URL of the backend; absent for the state in this clone. */
  readonly backend?: string;
  /** What encrypts the secrets in the state: `passphrase`, `default` (Pulumi Cloud's), or a key's URL. */
  readonly secretsProvider?: string;
}

export interface Settings {
  readonly kms: ServiceSettings;
  readonly backend: ServiceSettings;
  readonly database: DatabaseSettings;
  readonly proxy: ProxySettings;
  readonly certificates: CertificateSettings;
  readonly users: readonly UserSettings[];
  readonly clients: readonly ClientSettings[];
  readonly rotation: RotationSettings;
  readonly kapow?: KapowSettings;
  readonly modules: ModuleSettings;
  /** A stack whose data goes with `pulumi destroy`. */
  readonly throwaway: boolean;
  /** Kept volumes that are gone for good, as `PART@MARK`: each permits the loss of that one volume. */
  readonly lost: readonly string[];
  /** A stack that serves real data: demo images, tags without digest and throw-away volumes are refused. */
  readonly production: boolean;
  readonly state: StateSettings;
}
