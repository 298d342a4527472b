/** Asks a database outside of the stack by the driver that its service uses, from the engine's place. */
import { isIP } from "node:net";
import { z } from "zod";
import { type DatabaseUri, isEncrypted } from "../../settings/databaseUri.ts";
import type { DatabaseAnswer } from "../../render/databaseAnswer.ts";
import type { HostAddress } from "../../render/databaseDoor.ts";
import {
  ADDRESSLESS,
  namesOfHosts,
  type ResolvedHosts,
  serviceUri,
} from "../../render/serviceUri.ts";
import { lastLine, withoutSecrets } from "../docker/oneLine.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { runTask } from "../docker/task.ts";

/**
 * Python 3.6 and pymongo 3.9 run it. It looks at each host first, because a driver's own error says only that
 * no server was found. It changes nothing.
 */
const SCRIPT = String.raw`
import json, socket, ssl, sys, threading
asked = json.load(sys.stdin)

def tell(**facts):
    print(json.dumps(facts))
    sys.exit(0)

def words(error):
    # The rest is about the driver.
    text = " ".join(str(error).split())
    for end in (", Timeout:", ", full error:"):
        text = text.split(end)[0]
    return text[:300]

try:
    import pymongo
    from pymongo import errors
except Exception as error:
    tell(failed="driver", message=words(error))

extra = {}
if asked.get("ca"):
    with open("/tmp/ca.pem", "w") as file:
        file.write(asked["ca"])
    extra["tlsCAFile"] = "/tmp/ca.pem"

def look(host, port):
    try:
        found = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
    except OSError as error:
        return "dns", words(error)
    last = None
    for each in found:
        try:
            line = socket.create_connection(each[4][:2], 5)
            break
        except OSError as error:
            last = error
    else:
        return "tcp", words(last)
    if asked["tls"]:
        try:
            context = ssl.create_default_context(cafile=extra.get("tlsCAFile"))
            line = context.wrap_socket(line, server_hostname=host)
        except (ssl.SSLError, ssl.CertificateError, OSError) as error:
            return "tls", words(error)
    line.close()

troubles = {}
def keep(host, port):
    troubles[host, port] = look(host, port)
threads = [threading.Thread(target=keep, args=tuple(each)) for each in asked["hosts"]]
for thread in threads: thread.start()
for thread in threads: thread.join()
bad = [
    {"host": "%s:%d" % (host, port), "failed": troubles[host, port][0], "message": troubles[host, port][1]}
    for host, port in map(tuple, asked["hosts"]) if troubles[host, port]
]
if len(bad) == len(asked["hosts"]):
    tell(failed=bad[0]["failed"], message=bad[0]["message"])

def code_of(error):
    return getattr(error, "code", None)

try:
    client = pymongo.MongoClient(asked["uri"], serverSelectionTimeoutMS=8000, connectTimeoutMS=5000, **extra)
    hello = client.admin.command("isMaster")
    status = client.admin.command("connectionStatus", showPrivileges=True)
    build = client.admin.command("buildInfo")
except errors.OperationFailure as error:
    tell(failed="login" if code_of(error) in (11, 18, 8000) else "rights", message=words(error))
except errors.ConfigurationError as error:
    tell(failed="version", message=words(error))
except errors.PyMongoError as error:
    tell(failed="login" if "uthentication failed" in str(error) else "server", message=words(error))

def covers(resource):
    if resource.get("anyResource"):
        return True
    return resource.get("db") in ("", asked["database"]) and resource.get("collection") == ""

privileges = status.get("authInfo", {}).get("authenticatedUserPrivileges")
actions = None
if privileges:
    actions = sorted({action for each in privileges if covers(each["resource"]) for action in each["actions"]})

try:
    db = client[asked["database"]]
    there = db.list_collection_names()
    # Without a hint, and not estimated: FerretDB's statistics count nothing.
    counts = {name: db[name].count_documents({}, limit=1000000) if name in there else 0 for name in asked["collections"]}
except errors.PyMongoError as error:
    tell(failed="rights", message=words(error))

other = build.get("ferretdbVersion") or (build.get("ferretdb") or {}).get("version")
tell(
    unreachable=bad,
    version="FerretDB " + other if other else build.get("version", ""),
    members=hello.get("hosts", []),
    actions=actions,
    counts=counts,
)
`;
import type { Owner } from "../../names/docker.ts";

const answer = z.object({
  failed: z
    .enum(["driver", "dns", "tcp", "tls", "server", "version", "login", "rights"])
    .optional(),
  message: z.string().optional(),
  unreachable: z
    .array(
      z.object({ host: z.string(), failed: z.enum(["dns", "tcp", "tls"]), message: z.string() }),
    )
    .optional(),
  version: z.string().optional(),
  members: z.array(z.string()).optional(),
  actions: z.array(z.string()).nullish(),
  counts: z.record(z.string(), z.number()).optional(),
});

export interface DatabaseQuestion {
  readonly uri: DatabaseUri;
  readonly hosts: ResolvedHosts;
  /** The service's database there, and the collections whose documents are counted. */
  readonly database: string;
  readonly collections: readonly string[];
}

/** From a container that is made for it, of the service's image. */
export interface FromEngine extends DatabaseQuestion, Owner {
  readonly ca?: string | undefined;
  readonly addresses: readonly HostAddress[];
  /** The service's image: a name, or an id. */
  readonly image: string;
}

/** Whom a task runs as that needs no rights. */
export const TASK_USER = "65532:65532";

export function askFromEngine(docker: Docker, question: FromEngine): Promise<DatabaseAnswer> {
  const { uri, hosts, ca, addresses, image, deployment, labels } = question;
  return read(() =>
    runTask(docker, {
      ...{ image, deployment, labels, user: TASK_USER, program: "python3", args: ["-c", SCRIPT] },
      // Its own networks may not be there yet.
      network: "bridge",
      addresses: [
        ...addresses.map(({ name, address }) => `${name}:${address}`),
        ...hosts.hosts
          .filter(({ name }) => isIP(name) !== 0)
          .map(({ name }) => `${ADDRESSLESS}:${name}`),
      ],
      input: Buffer.from(
        JSON.stringify({
          ...common(question),
          uri: serviceUri(uri, hosts, undefined),
          hosts: hosts.hosts.map(({ name, port }) => [name, port]),
          ca,
        }),
      ),
    }),
  );
}

/** From the service's own container, which has the CA's file: the whole way, as the service goes it. */
export function askFromService(
  docker: Docker,
  container: string,
  question: DatabaseQuestion & { readonly caFile: string | undefined },
): Promise<DatabaseAnswer> {
  const { uri, hosts, caFile } = question;
  const args = ["exec", "--interactive", container, "python3", "-c", SCRIPT];
  const input = JSON.stringify({
    ...common(question),
    uri: serviceUri(uri, hosts, caFile),
    // The door takes every connection. Whether there is a database behind it, the driver tells.
    hosts: [[namesOfHosts(hosts)[0], hosts.hosts[0]?.port]],
    tls: false,
  });
  return read(() => docker.run(args, { input }));
}

const common = ({ uri, database, collections }: DatabaseQuestion) => ({
  tls: isEncrypted(uri),
  database,
  collections,
});

async function read(run: () => Promise<string>): Promise<DatabaseAnswer> {
  let output: string;
  try {
    output = await run();
  } catch (error) {
    const words = error instanceof DockerError ? error.output : "";
    if (!/python3|SyntaxError|ImportError|Traceback/.test(words)) {
      throw error;
    }
    // No Python, or one that is too old for the script.
    return { failed: "driver", message: lastLine(words) };
  }
  const { message, unreachable, ...facts } = answer.parse(
    JSON.parse(output.split("\n").at(-1) ?? ""),
  );
  return {
    ...facts,
    ...(message !== undefined && { message: withoutSecrets(message) }),
    ...(unreachable && {
      unreachable: unreachable.map((each) => ({ ...each, message: withoutSecrets(each.message) })),
    }),
  } as DatabaseAnswer;
}
