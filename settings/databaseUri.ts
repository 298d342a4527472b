/** The connection string of a database that the stack does not run: `cybexp:database.uri`. */
import { isIP } from "node:net";
import { Fault } from "./fault.ts";

export interface DatabaseHost {
  /** In lower case; an IPv6 address without brackets. */
  readonly name: string;
  readonly port: number;
}

/** A connection string in its parts. */
export interface DatabaseUri {
  /** With `mongodb+srv://`, DNS names the hosts. */
  readonly srv: boolean;
  readonly user: string;
  /** Secret. */
  readonly password: string;
  /** With `srv`, the one name to look up. */
  readonly hosts: readonly DatabaseHost[];
  /** The database after the slash; empty if there is none. */
  readonly database: string;
  /** As they are written, still encoded. A few options may be there more than once. */
  readonly options: readonly (readonly [name: string, value: string])[];
}

const MONGO_PORT = 27017;
/** As many as a replica set can have. */
const MOST_HOSTS = 50;

const ALLOWED =
  "Allowed: mongodb://USER:PASSWORD@HOST[:PORT][,...]/[DATABASE][?OPTIONS], or the same with mongodb+srv://.";
const STORE =
  "Store it again with: pulumi config set --secret --path 'database.uri.kms' (or .backend).";

/** A name as DNS has it; hosts of an internal network may have an underscore. */
const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/;

/** Options that the stack sets itself, or that would undo what it promises, by their names in lower case. */
const REFUSED: Readonly<Record<string, string>> = {
  ...each(
    "is the path of a file in the service's container. Give the CA's text in cybexp:database.ca",
    ["tlscafile", "ssl_ca_certs"],
  ),
  ...each(
    "names a file that the service's container does not have: only a user and a password are supported",
    [
      "tlscertificatekeyfile",
      "tlscertificatekeyfilepassword",
      "ssl_certfile",
      "ssl_keyfile",
      "ssl_pem_passphrase",
      "tlscrlfile",
      "ssl_crlfile",
    ],
  ),
  ...each(
    "turns the check of the database's certificate off, and then anybody in between can read and change what is stored. Give its CA in cybexp:database.ca",
    [
      "tlsinsecure",
      "tlsallowinvalidcertificates",
      "tlsallowinvalidhostnames",
      "ssl_cert_reqs",
      "ssl_match_hostname",
    ],
  ),
  ...each("sends the connection to another host", [
    "proxyhost",
    "proxyport",
    "proxyusername",
    "proxypassword",
  ]),
  ...each("is for mongodb+srv:// with another service name, which is not supported", [
    "srvservicename",
  ]),
};

function each(why: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, why]));
}

/** How a user proves itself with a password. */
const MECHANISMS = ["scram-sha-1", "scram-sha-256", "plain"];

/** Checks a connection string and returns it as it is. Never quotes it. */
export function parseDatabaseUri(raw: unknown): string | Fault {
  const read = typeof raw === "string" ? splitUri(raw) : new Fault(ALLOWED, STORE);
  return read instanceof Fault ? read : (raw as string);
}

/** The parts of a connection string that was checked. @throws TypeError for any other text */
export function readDatabaseUri(text: string): DatabaseUri {
  const read = splitUri(text);
  if (read instanceof Fault) {
    throw new TypeError(read.reason);
  }
  return read;
}

function splitUri(text: string): DatabaseUri | Fault {
  const [, scheme, rest] = /^mongodb(\+srv)?:\/\/(.*)$/s.exec(text) ?? [];
  if (rest === undefined || /[\s\0]/.test(text)) {
    return new Fault(`This is not a connection string of MongoDB. ${ALLOWED}`, STORE);
  }
  const srv = scheme !== undefined;
  const [beforeQuery = "", ...query] = rest.split("?");
  // A password that is not encoded may have any of the characters that are looked for here.
  const [authority = "", ...path] = beforeQuery.split("/");
  const at = authority.lastIndexOf("@");
  const login = loginOf(authority.slice(0, Math.max(at, 0)));
  if (path.length > 1 || query.length > 1 || login === undefined) {
    return new Fault(
      `The user or the password is missing, or has a character that must be written as its code. ${ALLOWED}`,
      "Write user and password, and in them %3A for :, %2F for /, %3F for ?, %23 for #, %40 for @ and %25 for %.",
    );
  }
  const hosts = authority
    .slice(at + 1)
    .split(",")
    .map(hostOf);
  const database = decoded(path[0] ?? "");
  if (
    hosts.some((host) => host === undefined) ||
    hosts.length > MOST_HOSTS ||
    database === undefined
  ) {
    return new Fault(`A host or the database's name is not one. ${ALLOWED}`, STORE);
  }
  const options = (query[0] ?? "")
    .split("&")
    .filter((option) => option !== "")
    .map((option): [string, string] => {
      const [name = "", ...value] = option.split("=");
      return [name, value.join("=")];
    });
  const uri = { srv, ...login, hosts: hosts as DatabaseHost[], database, options };
  return faultOf(uri) ?? uri;
}

function loginOf(text: string): Pick<DatabaseUri, "user" | "password"> | undefined {
  const [user = "", password = "", ...more] = text.split(":").map(decoded);
  return more.length > 0 || user === "" || password === "" ? undefined : { user, password };
}

function hostOf(text: string): DatabaseHost | undefined {
  const [, six, name = six, port = String(MONGO_PORT)] =
    /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text.toLowerCase()) ?? [];
  if (name === undefined || Number(port) < 1 || Number(port) > 65_535) {
    return undefined;
  }
  const isAddress = six === undefined ? isIP(name) === 4 : isIP(six) === 6;
  return isAddress || (six === undefined && NAME.test(name))
    ? { name, port: Number(port) }
    : undefined;
}

/** Undefined if it has a character that must be written as its code, or a wrong code. */
function decoded(text: string): string | undefined {
  try {
    return /[@#[\]]/.test(text) ? undefined : decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** What parses but would not do. */
function faultOf(uri: DatabaseUri): Fault | undefined {
  const remedy = "Remove it.";
  for (const [name, value] of uri.options) {
    const key = name.toLowerCase();
    const why = REFUSED[key];
    if (!/^\w+$/.test(name) || value === "" || decoded(value) === undefined) {
      return new Fault("An option is not of the form name=value.", STORE);
    }
    if (why !== undefined) {
      return new Fault(`The option ${name} ${why}.`, remedy);
    }
    if (key === "authmechanism" && !MECHANISMS.includes(value.toLowerCase())) {
      return new Fault(
        `The option ${name} asks for more than a password. Allowed: SCRAM-SHA-1, SCRAM-SHA-256 and PLAIN (with TLS).`,
        remedy,
      );
    }
    if (key === "w" && value === "0") {
      return new Fault(
        "With w=0, a record that could not be stored is lost without a word.",
        remedy,
      );
    }
  }
  return tlsFault(uri) ?? hostFault(uri);
}

const isTrue = (value: string) => value.toLowerCase() === "true";

/** The value of an option, decoded; the last one counts. */
export function optionOf(
  { options }: DatabaseUri,
  ...names: readonly string[]
): string | undefined {
  const found = options.findLast(([name]) => names.includes(name.toLowerCase()));
  return found && decodeURIComponent(found[1]);
}

/** Whether the connection is encrypted. `mongodb+srv://` is unless told otherwise. */
export function isEncrypted(uri: DatabaseUri): boolean {
  const said = optionOf(uri, "tls", "ssl");
  return said === undefined ? uri.srv : isTrue(said);
}

function tlsFault(uri: DatabaseUri): Fault | undefined {
  return (optionOf(uri, "authmechanism") ?? "").toLowerCase() === "plain" && !isEncrypted(uri)
    ? new Fault("authMechanism=PLAIN sends the password in clear.", "Add tls=true.")
    : undefined;
}

/** The way to the database is by the names of its hosts: see `databaseDoor.ts`. */
function hostFault(uri: DatabaseUri): Fault | undefined {
  const { srv, hosts } = uri;
  const addresses = hosts.filter(({ name }) => isIP(name) !== 0);
  if (
    srv &&
    (hosts.length > 1 || addresses.length > 0 || optionOf(uri, "directconnection") === "true")
  ) {
    return new Fault(
      "mongodb+srv:// takes one name, which DNS knows, and no directConnection.",
      STORE,
    );
  }
  if (addresses.length > 0 && (isEncrypted(uri) || hosts.length > 1)) {
    return new Fault(
      "With TLS or more than one host, each host needs a name: its certificate and the other members know it by that.",
      "Write the names. If the engine's DNS does not know one, list it in cybexp:database.hosts with its address.",
    );
  }
  const places = hosts.map(({ name, port }) => `${name}:${port}`);
  if (new Set(places).size < places.length) {
    return new Fault("A host is listed twice.", "List it once.");
  }
  const ports = hosts.map(({ port }) => port);
  return !isEncrypted(uri) && new Set(ports).size < ports.length
    ? new Fault(
        "Without TLS, each host needs a port of its own: only a TLS connection says which host it is for.",
        "Add tls=true, or give the members different ports.",
      )
    : undefined;
}

/** What the operator calls it: its hosts, without user and password. */
export function describeHosts({ srv, hosts }: DatabaseUri): string {
  const written = hosts.map(({ name, port }) => {
    const host = isIP(name) === 6 ? `[${name}]` : name;
    return srv ? host : `${host}:${port}`;
  });
  return (srv ? "mongodb+srv://" : "") + written.join(",");
}

/** The names of its hosts that are written in it; none if DNS names them, or if there is no such database. */
export function hostsOf(text: string | undefined): string[] {
  const uri = text === undefined ? undefined : splitUri(text);
  return uri === undefined || uri instanceof Fault || uri.srv
    ? []
    : uri.hosts.map(({ name }) => name);
}
