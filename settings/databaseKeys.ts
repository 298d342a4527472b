/** The keys of `cybexp:database` about databases that the stack does not run, and about their features. */
import { isIP } from "node:net";
import { z } from "zod";
import { SERVICES } from "../names/docker.ts";
import { parseDatabaseUri } from "./databaseUri.ts";
import { Fault } from "./fault.ts";
import { keyDocs } from "./keyDoc.ts";
import { key, section } from "./keys.ts";
import { parsed, text } from "./leaves.ts";
import { parseCaText } from "./pemText.ts";

/** Stands for the database that the stack itself runs, in `cybexp:database.left`. */
export const OWN = "own";

const uri = (service: string) =>
  key(parsed(parseDatabaseUri), {
    type: "secret connection string",
    meaning: `The connection string of your own database for the ${service}. Set it with \`pulumi config set --secret --path 'database.uri.${service.toLowerCase()}'\`.`,
    allowed:
      "`mongodb://` or `mongodb+srv://` with user and password; no option that names a file or turns the check of certificates off",
    fallback: "none: the stack runs the database",
  }).exactOptional();

const host = section("One host.", {
  name: key(
    text(
      /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i,
      new Fault("Allowed: the name of a host in `uri`.", "Write the name, without a port."),
    ),
    {
      type: "host name",
      meaning: "The name, as it is in `uri`.",
      allowed: "a name of a host in `uri`",
      example: "mongo-1.example.edu",
    },
  ),
  address: key(parsed(parseAddress), {
    type: "IP address",
    meaning: "Where the engine reaches it.",
    allowed: "an IPv4 or IPv6 address",
    example: "192.0.2.20",
  }),
});

/** Keys that only some stacks have. */
export const externalDatabase = {
  uri: section(
    "Databases of your own, such as a replica set or MongoDB Atlas. A service that has one here gets no database from the stack.",
    { kms: uri("KMS"), backend: uri("Backend") },
  ).exactOptional(),
  ca: key(parsed(parseCaText), {
    type: "PEM text or path",
    meaning: "The CA that signs the certificates of your own databases.",
    allowed: "certificates in PEM, or the path of a file with them, relative to Pulumi.yaml",
    fallback: "the public ones that the service's image knows",
  }).exactOptional(),
  hosts: z
    .array(host)
    .register(keyDocs, {
      type: "list of maps",
      meaning: "Addresses of hosts in `uri` that the engine's DNS does not know.",
      fallback: "none",
      example: "[{ name: mongo-1.example.edu, address: 192.0.2.20 }]",
    })
    .exactOptional(),
  left: z
    .array(
      key(parsed(parseLeft), {
        type: "SERVICE@DATABASE",
        meaning: "One database.",
        allowed: "`kms` or `backend`, an `@`, and the database as the error names it",
        example: "kms@own",
      }),
    )
    .register(keyDocs, {
      type: "list of strings",
      meaning:
        "Databases that a service leaves for another one. `up` refuses to move a service without such an entry. Remove it after that `up`.",
      fallback: "none",
      example: "[kms@own]",
    })
    .exactOptional(),
  featureCompatibility: key(
    text(
      /^[1-9]\d?\.\d$/,
      new Fault(
        "Allowed: a release of MongoDB with one point.",
        'Write it in quotes, for example "7.0".',
      ),
    ),
    {
      type: "release",
      meaning:
        "The release of MongoDB whose features the data of the stack's own databases may use. Raise it once you are sure that the new release works: earlier releases can't read the data afterwards.",
      allowed: 'a release such as `"7.0"`, in quotes',
      fallback: "left as it is",
    },
  ).exactOptional(),
};

function parseAddress(raw: unknown): string | Fault {
  return typeof raw === "string" && isIP(raw) !== 0
    ? raw
    : new Fault("Allowed: an IPv4 or IPv6 address.", "Write the host's address.");
}

function parseLeft(raw: unknown): string | Fault {
  return typeof raw === "string" &&
    new RegExp(`^(${SERVICES.join("|")})@[\\w.:,+/[\\]-]{1,2000}$`).test(raw)
    ? raw
    : new Fault(
        "Allowed: kms or backend, an @, and the database that the service leaves.",
        "Copy it from the error that names the database.",
      );
}
