/** What a service's own driver found out about a database outside of the stack, and what it means. */

/** An answer of the script in `askDatabase.ts`. */
export interface DatabaseAnswer {
  /** Where it ended; undefined if it came to its end. */
  readonly failed?: "driver" | "dns" | "tcp" | "tls" | "server" | "version" | "login" | "rights";
  /** The driver's or the server's own words. */
  readonly message?: string;
  /** Hosts that can't be reached, although others can. */
  readonly unreachable?: readonly HostTrouble[];
  /** Such as "7.0.14", or "FerretDB v1.24.0". */
  readonly version?: string;
  /** The members of its replica set, as they call themselves. */
  readonly members?: readonly string[];
  /** Whether the user may do something, by the name of the action; undefined where the server does not tell. */
  readonly actions?: readonly string[] | null;
  /** The number of documents in each collection that was asked for. */
  readonly counts?: Readonly<Record<string, number>>;
}

export interface HostTrouble {
  readonly host: string;
  readonly failed: "dns" | "tcp" | "tls";
  readonly message: string;
}

/** What a service does in its database, as MongoDB names it. */
export const NEEDED_ACTIONS = [
  "find",
  "insert",
  "update",
  "createIndex",
  "createCollection",
] as const;

export interface AskedDatabase {
  /** What it belongs to, such as "KMS". */
  readonly service: string;
  /** Its hosts as the operator wrote them. */
  readonly hosts: string;
  /** The names and ports that the service has a way to. */
  readonly reachable: readonly string[];
  /** The service's database there. */
  readonly database: string;
  /** The user in the connection string. */
  readonly user: string;
  /** Whether the CA is the operator's. */
  readonly ca: boolean;
}

/** Why the service can't work with it, in a sentence that says where it fails; undefined if it can. */
export function refusedDatabase(asked: AskedDatabase, answer: DatabaseAnswer): string | undefined {
  const { service, hosts, database, user } = asked;
  const opening = `the ${service}'s database ${hosts}`;
  const words = answer.message === undefined ? "" : `: ${answer.message}`;
  switch (answer.failed) {
    case "driver":
      return `the image of the ${service} has no python3 with pymongo, so ${hosts} can't be asked whether it lets the ${service} in${words}`;
    case "dns":
      return `DNS: the engine finds no address of ${opening}${words}. Correct the name, or give its address in cybexp:database.hosts`;
    case "tcp":
      return `TCP: ${opening} does not answer the engine${words}. Check its port, the address that it listens at, and the firewall between the two`;
    case "tls":
      return `TLS: ${opening} is not accepted${words}. ${tlsAdvice(asked)}`;
    case "version":
      return `version: ${opening} and the driver in the ${service}'s image don't understand each other${words}`;
    case "login":
      return `login: ${opening} refuses the user ${user}${words}. Check user, password and authSource in cybexp:database.uri`;
    case "rights":
      return `rights: ${opening} does not let ${user} work with the database ${database}${words}. Give that user the role readWrite on ${database}`;
    case "server":
      return `MongoDB: ${opening} answers, but not as MongoDB does, or has no primary${words}. If it wants TLS, add tls=true to the options; for a replica set, check replicaSet and the members' names`;
    case undefined:
      return unknownMembers(asked, answer) ?? missingRights(asked, answer);
  }
}

function tlsAdvice({ ca }: AskedDatabase): string {
  return ca
    ? "Check that cybexp:database.ca is the CA of its certificate, that the certificate has the host's name, and that the database speaks TLS at this port"
    : "If the CA of its certificate is not a public one, give it in cybexp:database.ca; check that the certificate has the host's name, and that the database speaks TLS at this port";
}

/** A driver goes to the members by the names that they give, and the service has no way to any other. */
function unknownMembers(
  { service, hosts, reachable }: AskedDatabase,
  { members = [] }: DatabaseAnswer,
): string | undefined {
  const unknown = members.filter((member) => !reachable.includes(member.toLowerCase()));
  return unknown.length === 0
    ? undefined
    : `MongoDB: the members of the replica set at ${hosts} call themselves ${members.join(", ")}, and cybexp:database.uri does not name ${unknown.join(", ")}: ` +
        `the ${service} has a way only to hosts that are named. List all members as they call themselves`;
}

function missingRights(asked: AskedDatabase, { actions }: DatabaseAnswer): string | undefined {
  const missing = actions ? NEEDED_ACTIONS.filter((action) => !actions.includes(action)) : [];
  return missing.length === 0
    ? undefined
    : refusedDatabase(asked, { failed: "rights", message: `it lacks ${missing.join(", ")}` });
}

/** Nothing is wrong now, but something could be soon. */
export function databaseRemarks({ service }: AskedDatabase, answer: DatabaseAnswer): string[] {
  const { unreachable = [] } = answer;
  return unreachable.map(
    ({ host, failed, message }) =>
      `the ${service}'s database has a member ${host} that can't be reached (${failed.toUpperCase()}: ${message}): if it becomes the primary, the ${service} fails`,
  );
}

/** The documents in the collections that were asked for. */
export const documentsIn = ({ counts = {} }: DatabaseAnswer): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
