/** The names of a stack's containers, networks and volumes in Docker, and the labels to find them by. */

/** The two services that have a database each. */
export const SERVICES = ["kms", "backend"] as const;
export type ServiceRole = (typeof SERVICES)[number];

/** What sentences call them. */
export const SPOKEN: Readonly<Record<ServiceRole, string>> = { kms: "KMS", backend: "Backend" };

/** The role of a service's database. */
export const databaseRole = <S extends string>(service: S): DatabaseRole<S> => `${service}-db`;
export type DatabaseRole<S extends string = string> = `${S}-db`;
/** The role of a database's service. */
export const serviceOf = (database: DatabaseRole): string => database.slice(0, -"-db".length);

/** Passes a service's connections on to a database outside of the stack, together with the next one. */
export const doorRole = <D extends string>(database: D) => `${database}-door` as const;
/** The only one of the two that calls out. */
export const exitRole = <D extends string>(database: D) => `${database}-exit` as const;

export const PROXY = "proxy";
export const KAPOW = "kapow";
/** Gets certificates from an ACME server, and renews them. */
export const ACME = "acme";
/** Answers the ACME server at port 80. */
export const ACME_CHALLENGE = "acme-challenge";

/** Takes records of one source, encrypts them and sends them to the Backend. A stack may have several. */
export const COLLECTOR = "collector";
/** Where records come in: it publishes the collector's port, and is in no network but the one to its gate. */
export const COLLECTOR_DOOR = `${COLLECTOR}-door`;
/** A collector's only way in and out. */
export const COLLECTOR_GATE = `${COLLECTOR}-gate`;

/** A container that serves until the stack is removed; its role is also its host name and its label. */
export type Role =
  | ServiceRole
  | DatabaseRole<ServiceRole>
  | `${DatabaseRole<ServiceRole>}-${"door" | "exit"}`
  | typeof PROXY
  | typeof KAPOW
  | typeof ACME
  | typeof ACME_CHALLENGE
  | typeof COLLECTOR
  | typeof COLLECTOR_DOOR
  | typeof COLLECTOR_GATE;

const DATABASES = SERVICES.map((service) => databaseRole(service));
const WAYS = DATABASES.flatMap((database) => [doorRole(database), exitRole(database)]);

export const ROLES: readonly Role[] = [
  ...SERVICES,
  ...DATABASES,
  ...WAYS,
  PROXY,
  KAPOW,
  ACME,
  ACME_CHALLENGE,
  COLLECTOR,
  COLLECTOR_DOOR,
  COLLECTOR_GATE,
];

/** Those that a stack has only if its config asks for them. Of collectors it may have several. */
const OPTIONAL: readonly Role[] = [...WAYS, KAPOW, ACME, ACME_CHALLENGE];

const ALWAYS = ROLES.filter(
  (role) => !OPTIONAL.includes(role) && ![COLLECTOR, COLLECTOR_DOOR, COLLECTOR_GATE].includes(role),
);

export const isService = (role: string): role is ServiceRole =>
  (SERVICES as readonly string[]).includes(role);

/** The role of a stand-in: it serves while a service's own container is replaced. */
export const STAND_IN = "handover";
/** The role of a container that does one task and is gone within seconds. */
export const TASK = "task";

/** A stand-in's name, in Docker and as a host, from the name of the container that it stands in for. */
export const standInOf = <N extends string>(name: N) => `${name}-${STAND_IN}` as const;

/** A proxy's own network: the one with a way to the world. */
export const edgeOf = (proxy: string): string => (proxy === PROXY ? EDGE : `${EDGE}-${proxy}`);
export const EDGE = "edge";
/**
 * The network by which a proxy calls out, where it has to. Of a container's networks Docker takes the default
 * route from the one whose name comes first, and a service's has no way to the world.
 */
export const awayOf = (proxy: string): string => (proxy === PROXY ? AWAY : `${AWAY}-${proxy}`);
export const AWAY = "away";
/** What a collector's container, network and volumes are called, as `dockerName` takes it. */
export const collectorPart = (name: string): string =>
  name === COLLECTOR ? COLLECTOR : `${COLLECTOR}-${name}`;
/** The same for its door. */
export const collectorDoorPart = (name: string): string =>
  name === COLLECTOR ? COLLECTOR_DOOR : `${COLLECTOR_DOOR}-${name}`;
/** The same for its gate. */
export const collectorGatePart = (name: string): string =>
  name === COLLECTOR ? COLLECTOR_GATE : `${COLLECTOR_GATE}-${name}`;
/** Whether a collector can have this name beside any other: nothing else is called like it then. */
export const isCollectorName = (name: string): boolean =>
  /^[a-z]([a-z0-9-]{0,22}[a-z0-9])?$/.test(name) && !/^(door|gate)(-|$)|-handover$/.test(name);

// Volumes, by the role of the container that they are for.
export const configVolume = <R extends string>(role: R) => `${role}-config` as const;
export const dataVolume = <R extends string>(role: R) => `${role}-data` as const;
export const secretsVolume = <R extends string>(role: R) => `${role}-secrets` as const;
export const KMS_KEYS = secretsVolume("kms");
/** The volumes of a proxy. */
export const releaseVolume = <R extends string>(proxy: R) => `${proxy}-release` as const;
export const bodiesVolume = <R extends string>(proxy: R) => `${proxy}-bodies` as const;
export const KAPOW_FILES_VOLUME = `${KAPOW}-files`;
/** The certificate that a server shows, if a container of ours renews it there. */
export const certificatesVolume = <R extends string>(role: R) => `${role}-certificates` as const;
/** The account at the ACME server, and all certificates from there. */
export const ACME_VOLUME = dataVolume(ACME);
/** What the ACME server asks for at port 80. */
export const CHALLENGE_VOLUME = `${ACME_CHALLENGE}-tokens`;

/** The kinds of objects that a stack makes in Docker. */
export const KINDS = ["container", "network", "volume"] as const;
export type Kind = (typeof KINDS)[number];

/** The last parts of the names that a stack uses in Docker, as `dockerName` takes them. */
export const parts: Readonly<Record<Kind, readonly string[]>> = {
  container: ALWAYS,
  network: [...ALWAYS.filter((role) => role !== PROXY), EDGE],
  volume: [
    ...SERVICES.flatMap((service) => {
      const database = databaseRole(service);
      return [configVolume(service), dataVolume(database), secretsVolume(database)];
    }),
    KMS_KEYS,
    bodiesVolume(PROXY),
    releaseVolume(PROXY),
    certificatesVolume(PROXY),
  ],
};

/** The parts that a stack has only if its config asks for them, but for its collectors'. */
export const optionalParts: Readonly<Record<Kind, readonly string[]>> = {
  container: OPTIONAL,
  network: [...OPTIONAL, AWAY],
  volume: [
    ...DATABASES.map((database) => configVolume(doorRole(database))),
    KAPOW_FILES_VOLUME,
    certificatesVolume(KAPOW),
    configVolume(ACME),
    ACME_VOLUME,
    configVolume(ACME_CHALLENGE),
    CHALLENGE_VOLUME,
  ],
};

/** The parts of a collector. */
export function collectorParts(name: string): Readonly<Record<Kind, readonly string[]>> {
  const [own, door, gate] = [collectorPart(name), collectorDoorPart(name), collectorGatePart(name)];
  return {
    container: [own, door, gate],
    network: [own, door],
    volume: [configVolume(own), secretsVolume(own), configVolume(door), configVolume(gate)],
  };
}

/** What the names and labels of CYBEX-P's own stacks begin with. */
export const CYBEXP = "cybexp";

/** The name of one part of a stack in Docker, such as `cybexp-dev-kms`. */
export function dockerName(stack: string, part: string, prefix = CYBEXP): string {
  return `${prefix}-${stack}-${part}`;
}

/** The labels that a deployment's containers, networks and volumes carry; their names begin with its prefix. */
export const labelNames = <P extends string>(prefix: P) =>
  ({
    /** The random id of the deployment. */
    deployment: `${prefix}.deployment`,
    /** The container's role, or the last part of a network's or volume's name. */
    role: `${prefix}.role`,
    stack: `${prefix}.stack`,
    /** The release that a container was started with. */
    release: `${prefix}.release`,
    /** The digest of everything that replaces a service's container when it changes. */
    signature: `${prefix}.signature`,
  }) as const;

/** Those of CYBEX-P's own stacks: for who looks for these, and for no other deployment's. */
export const LABEL = labelNames(CYBEXP);
export type LabelName = keyof typeof LABEL;

/** By what everything of a deployment is recognised. */
export interface Owner {
  /** Its id, which is in the label. */
  readonly deployment: string;
  /** What the names of its labels begin with. */
  readonly labels: string;
}

/** A deployment of CYBEX-P's own. */
export const ours = (deployment: string): Owner => ({ deployment, labels: CYBEXP });

/** What the labels say that everything of a stack carries in Docker. */
export interface OwnLabels<T = string> {
  readonly labels: string;
  readonly deployment: T;
  readonly role: string;
  readonly stack: string;
}

/** These labels, sorted by name, because the provider reads them back in that order. */
export function ownLabels<T>(own: OwnLabels<T>): Record<string, T | string> {
  const { deployment, role, stack } = labelNames(own.labels);
  return { [deployment]: own.deployment, [role]: own.role, [stack]: own.stack };
}

/** A label as Docker's filters and `--label` take it, such as `cybexp.stack=dev`. */
export function label(name: LabelName, value: string, prefix = CYBEXP): string {
  return `${labelNames(prefix)[name]}=${value}`;
}

/** The label by which everything of a deployment is found. */
export const ownLabel = ({ deployment, labels }: Owner): string =>
  label("deployment", deployment, labels);

/** The template with which `docker ... ls` and `inspect` print a label. */
export function labelTemplate(name: LabelName, prefix = CYBEXP): string {
  return `{{.Label "${labelNames(prefix)[name]}"}}`;
}

/** Whether what has these labels is the deployment's. */
export const isOf = (
  { deployment, labels }: Owner,
  found: Readonly<Record<string, string>> | null | undefined,
): boolean => found?.[labelNames(labels).deployment] === deployment;

/** The name of the stack that a rehearsal of an environment deploys, with a random suffix. */
export const rehearsalStack = (environment: string, suffix: string): string =>
  `rehearsal-${environment}-${suffix}`;
/** The repository folder of the images that a rehearsal runs in place of those that it can't get. */
export const REHEARSAL_IMAGES = "cybexp-rehearsal";
