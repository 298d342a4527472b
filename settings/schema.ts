/**
 * The stack's configuration, key by key: the type, bounds, default and meaning of each. The rules across
 * keys are in `consistency.ts`. The reference in `docs/reference.md` is generated from this file.
 */
import { z } from "zod";
import { backup } from "./backupKeys.ts";
import { parseAttribute } from "./attributes.ts";
import { certificates } from "./certificateKeys.ts";
import { COLLECTOR_BIND, parseCollectorName, parseIngest, parsePolicy } from "./collector.ts";
import { COLLECTOR } from "../names/docker.ts";
import { parseCertificateRequest } from "./certificateRequest.ts";
import { parseDay } from "./days.ts";
import { Fault } from "./fault.ts";
import { KAPOW_ADDRESS, parseInit } from "./kapow.ts";
import { defaultGuesses, LONGEST_WAIT } from "./guesses.ts";
import { keyDocs } from "./keyDoc.ts";
import {
  callerName,
  endpoint,
  flag,
  hostName,
  image,
  key,
  limits,
  listenAddress,
  overrides,
  port,
  section,
  serverNames,
  word,
} from "./keys.ts";
import { externalDatabase } from "./databaseKeys.ts";
import { boolean, parsed, text, wholeNumber } from "./leaves.ts";
import { parseLoss } from "./lost.ts";
import { parsePassword } from "./passwords.ts";
import {
  collectorResources,
  databaseResources,
  kapowResources,
  moduleKeys,
  proxyResources,
  serviceResources,
} from "./resources.ts";
import {
  backendKeys,
  collectorDebugKeys,
  type ConfigValue,
  kmsKeys,
  type ServiceKeys,
} from "./services.ts";
import { parseBackend, parseSecretsProvider } from "./state.ts";

const access = (remark = "") =>
  word(
    "What a caller needs: the `password` of a user (HTTP basic authentication), the " +
      `\`certificate\` of a client, \`either\` of them, or \`both\`.${remark}`,
    ["password", "certificate", "either", "both"],
  );

const service = <S extends z.ZodRawShape>(
  name: string,
  example: { bind: string; listen: number },
  keys: ServiceKeys,
  resources: typeof serviceResources.kms,
  more: S,
) =>
  section(`The ${name}.`, {
    image: image(`the ${name}`, `registry.example.edu/cybexp-${name.toLowerCase()}:1.0`),
    bind: endpoint(
      `Where the operator reaches the ${name} directly on the Docker host, without the proxy.`,
      example.bind,
    ),
    listen: port(`The port on which the proxy serves the ${name} over TLS.`, {
      example: String(example.listen),
    }),
    access: access(" CYBEX-P's own modules send passwords only.").default("password"),
    config: overrides<ConfigValue, string>(
      `Keys of the ${name}'s own config.yaml, to override what the stack sets.`,
      keys,
    ),
    resources: limits(`the ${name}'s container`, resources),
    ...more,
  });

const administrator = section("The KMS's administrator, which `up` makes.", {
  name: callerName(
    "The administrator's name in the KMS. An administrator of that name that is there already is used. No user can have it.",
    { example: "administrator" },
  ).default("administrator"),
});

const publishedDatabase = (name: string) =>
  endpoint(
    `Where the operator reaches the ${name}'s database directly on the Docker host.`,
    "127.0.0.1:5006",
  ).exactOptional();

/** The highest value of a counter. Nobody rotates a secret that often. */
const MOST_ROTATIONS = 1_000_000;

const counter = (meaning: string, secret = false) =>
  key(wholeNumber(1, MOST_ROTATIONS), {
    type: "whole number",
    meaning,
    allowed: "1 or more",
    ...(secret && { secret }),
  }).default(1);

/** The counterpart of a counter: old secrets up to this number are refused. */
const retired = (what: string) =>
  key(wholeNumber(0, MOST_ROTATIONS), {
    type: "whole number",
    meaning: `Retires ${what} up to this number: they are refused from then on. Until you retire it, the previous one stays valid beside the new one.`,
    allowed: "0 or more, less than the number in use",
  }).default(0);

const retireBy = (what: string) =>
  key(parsed(parseDay), {
    type: "date",
    meaning: `The day by which you want to retire the previous ${what}. From that day on, \`preview\` and \`up\` warn you.`,
    allowed: "a day such as 2026-12-31",
    fallback: "none",
  }).exactOptional();

const user = section("One user.", {
  name: callerName("The name that the user sends. No two users can have the same name.", {
    example: "collector",
    secret: false,
  }),
  generation: counter(
    "Raise it by one for a new password. The previous one stays valid until you retire it.",
  ),
  retired: retired("the user's passwords"),
  retireBy: retireBy("password"),
  password: key(parsed(parsePassword), {
    type: "secret text",
    meaning:
      "Your own password instead of a generated one. Set it with " +
      "`pulumi config set --secret --path 'users[0].password'`.",
    allowed: "20 to 72 characters of printable ASCII, no space at either end, stored as a secret",
    fallback: "generated",
  }).exactOptional(),
  attributes: z
    .array(
      key(parsed(parseAttribute), {
        type: "attribute",
        meaning: "One of them. The KMS stores it in upper case.",
        allowed: "1 to 64 letters, digits and - . ? ! @ # $ % ^ & * \\, without ! in front",
        example: "research",
      }),
    )
    .min(1)
    .register(keyDocs, {
      type: "list of strings",
      meaning:
        "What the user may read: records whose policy these attributes meet. With them, `up` makes an account in the KMS, and the user's key. The KMS can't change them later, and can't delete the account.",
      allowed: "at least one attribute",
      fallback: "none: no account",
      example: "[research, unr]",
      secret: false,
    })
    .exactOptional(),
});

const client = section("One client.", {
  name: callerName(
    "The name in the certificate, which the services are told. No two clients can have the same name. To the services, a user with the same name is the same caller.",
    { example: "browser-of-ann" },
  ),
  generation: counter(
    "Raise it by one for a new key and certificate. The previous ones stay valid until you retire them.",
  ),
  retired: retired("the client's certificates"),
  retireBy: retireBy("certificate"),
  revoked: flag(
    "Refuses every certificate of this client for good, from the next `up` on. Only a certificate of the next generation is accepted again.",
  ),
  csr: key(parsed(parseCertificateRequest), {
    type: "PEM text",
    meaning:
      "A certificate request made elsewhere, so that the private key never leaves its owner. Only its public key is used. When you change the request, raise `generation` too; otherwise the previous certificate is refused at once.",
    allowed:
      "a PKCS#10 request for an RSA key (2048 to 8192 bits) or an ECDSA key (P-256, P-384, P-521), signed with that key and SHA-256 or better",
  }).exactOptional(),
  keyType: word(
    "The key that the stack makes if there is no request: `ecdsa` (P-256), or `rsa` (3072 bits) for programs that accept nothing else. When you change it, raise `generation` too; otherwise the previous certificate is refused at once.",
    ["ecdsa", "rsa"],
  ).default("ecdsa"),
});

const kapow = z
  .strictObject({
    image: image("Kapow!", "registry.example.edu/kapow:0.7.1"),
    address: listenAddress("Kapow! itself").default(KAPOW_ADDRESS),
    listen: port(
      "Kapow!'s own port, where callers with a client certificate reach its routes. Revoked certificates are accepted there too: Kapow! knows no revocation. Its control and data interfaces are never published.",
      { fallback: "none" },
    ).exactOptional(),
    door: z
      .strictObject({
        listen: port("The port on which the proxy serves Kapow!'s routes over TLS.", {
          example: "5003",
        }),
        access: access().default("certificate"),
      })
      .register(keyDocs, {
        type: "map",
        meaning:
          "A door at the proxy, which adds revocation, the user list and the proxy's log. Without a door, `listen` is required.",
      })
      .exactOptional(),
    serverName: hostName("The name that callers use. It is in Kapow!'s certificate.", {
      fallback: "the proxy's",
    }).exactOptional(),
    serverNames: serverNames("Kapow! itself"),
    init: key(parsed(parseInit), {
      type: "text or path",
      meaning:
        "The program that adds the routes: its text, or its path in the image. Put no secret in it: every route's command can read it.",
      allowed: "text that starts with `#!` and an interpreter's path, or an absolute path",
      example: '"/init.sh"',
    }),
    healthRoute: key(
      text(
        /^\/[\w.~/-]{0,199}$/,
        new Fault(
          "Allowed: the path of a route that answers GET with 2xx. It starts with /, and has letters, digits and / . _ ~ - in it.",
          "Add such a route in init, and write its path, for example /health.",
        ),
      ),
      {
        type: "path",
        meaning:
          "A route from init that the health check calls with GET. A server whose init failed answers 404 to everything, and looks healthy otherwise. The image needs `sh`, and one of `curl`, GNU `wget` and `python3`.",
        allowed: "a path that starts with /, of letters, digits and / . _ ~ -; no patterns",
        example: "/health",
      },
    ),
    program: key(
      text(
        /^([\w.-]+|(\/[\w.-]+)+)$/,
        new Fault(
          "Allowed: a program's name, or its path in the image.",
          "Write, for example, kapow or /usr/bin/kapow.",
        ),
      ),
      {
        type: "name or path",
        meaning: "The Kapow! program in the image.",
        allowed: "a name in its PATH, or an absolute path",
      },
    ).default("kapow"),
    egress: flag("Whether the routes' commands may connect to anything outside the Docker host."),
    resources: limits("Kapow!'s container", kapowResources),
  })
  .register(keyDocs, {
    type: "map",
    meaning: "A Kapow! server with mutual TLS, on a port of its own, behind the proxy, or both.",
  })
  .exactOptional();

const collector = section("One collector.", {
  name: key(parsed(parseCollectorName), {
    type: "name",
    meaning: "Part of its names in Docker. No two collectors can have the same name.",
    allowed: "1 to 24 lower-case letters, digits and hyphens, starting with a letter",
  }).default(COLLECTOR),
  image: image("the collector", "registry.example.edu/cybexp-collector:1.0"),
  user: callerName(
    "The user of `cybexp:users` whose password and token it has. Both services' `access` must let passwords in.",
    { example: "collector" },
  ),
  bind: key(parsed(parseIngest), {
    type: "IP address and port",
    meaning:
      "Where it takes records on the Docker host: plain TCP, one JSON object for each connection, without a password and not encrypted.",
    allowed: "a loopback address and a port; another address only with `expose: true`",
  }).default(COLLECTOR_BIND),
  expose: flag(
    "Allows a `bind` that is not loopback. Whoever reaches it can add records and read them on the way.",
  ),
  policy: key(parsed(parsePolicy), {
    type: "map or YAML text",
    meaning:
      "What it encrypts and how, passed on as it is (docs/collector.md). Written as text, a block below it, it keeps every type exactly as PyYAML reads it.",
    allowed: "with `default.abe_pol`, and at least one rule under `index`",
    fallback: "that of the output `moduleConfig`",
  }).exactOptional(),
  config: overrides(
    "Numbers in its config.yaml, before those of `cybexp:modules.config`.",
    moduleKeys,
  ),
  debug: overrides<ConfigValue, string>("Its debug flags.", collectorDebugKeys as ServiceKeys),
  resources: limits("the collector's container", collectorResources),
  drainSeconds: key(wholeNumber(1, 3600), {
    type: "seconds",
    meaning:
      "How long records that it has accepted may take to be stored before it is stopped or replaced.",
    allowed: "1 to 3600",
  }).default(60),
});

/** Everything below `cybexp:` in a stack's configuration. */
export const schema = z.strictObject({
  kms: service("KMS", { bind: "127.0.0.1:5012", listen: 5002 }, kmsKeys, serviceResources.kms, {
    administrator,
  }),
  backend: service(
    "Backend",
    { bind: "127.0.0.1:5011", listen: 5001 },
    backendKeys,
    serviceResources.backend,
    {},
  ),
  database: section("The two databases: one for the KMS, one for the Backend.", {
    image: key(image("both databases", "mongo:8.0"), {
      type: "image reference",
      meaning:
        "The image for both databases. Required unless both services have a database of your own (`uri`).",
      allowed: "`name:tag`, `name@sha256:...` or both, but not `latest`",
      example: "mongo:8.0",
      fallback: "none",
    }).exactOptional(),
    ...externalDatabase,
    publish: section(
      "Ports for reaching the databases directly. A database that isn't listed here gets none.",
      { kms: publishedDatabase("KMS"), backend: publishedDatabase("Backend") },
    ),
    resources: section("How much of the engine's machine each database's container may use.", {
      ...overrides("", databaseResources).unwrap().shape,
      kms: limits("the KMS's database alone", databaseResources),
      backend: limits("the Backend's database alone", databaseResources),
    }).exactOptional(),
  }),
  proxy: section("The Nginx in front of both services: the only way in from the network.", {
    image: image("the proxy", "nginx:1.28"),
    serverName: hostName("The name that clients use. It is in the certificate and in the URLs.", {
      example: "cybexp.example.edu",
    }),
    serverNames: serverNames("the proxy"),
    hsts: key(boolean(), {
      type: "boolean",
      meaning:
        "Whether browsers are told to use only HTTPS for these names for two years (RFC 6797). `localhost` and IP addresses are left out.",
      allowed: "true or false",
    }).default(true),
    address: listenAddress("the proxy", "192.0.2.10"),
    readTimeout: key(
      wholeNumber(36, 3600, "a service may take 35 s to report that its database is down"),
      {
        type: "seconds",
        meaning: "How long the proxy waits for a service before it answers 504.",
        allowed:
          "36 to 3600; a service whose database is down answers after 30 s, a login up to 5 s later",
      },
    ).default(300),
    shutdownTimeout: key(wholeNumber(1, 3600), {
      type: "seconds",
      meaning:
        "How long requests in progress may continue after a rotation. Then their connections are closed, so that they don't keep a retired secret in use.",
      allowed: "1 to 3600",
    }).default(60),
    guesses: section(
      "How many wrong passwords an address may send. Whoever has the right password neither waits nor is refused.",
      {
        perMinute: key(wholeNumber(1, 6000), {
          type: "whole number",
          meaning: "Wrong passwords that come faster wait for their answer.",
          allowed: "1 to 6000",
        }).default(defaultGuesses.perMinute),
        burst: key(wholeNumber(1, 6000), {
          type: "whole number",
          meaning: "How many may wait at once. The next one is refused with 429.",
          allowed: `1 to 6000, and at most \`perMinute\`, so that none waits longer than ${LONGEST_WAIT} s`,
        }).default(defaultGuesses.burst),
      },
    ),
    metrics: endpoint(
      "Where Prometheus reads, on the Docker host, when certificates end: by plain HTTP, at `/metrics`.",
      "127.0.0.1:9113",
    ).exactOptional(),
    resources: limits("the proxy's container", proxyResources),
  }),
  certificates,
  users: z
    .array(user)
    .min(1)
    .register(keyDocs, {
      type: "list of maps",
      meaning: "Who may call the services. Both services have the same users.",
      allowed: "at least one user",
      example: "[{ name: collector }]",
      secret: true,
    })
    .prefault([]),
  clients: z
    .array(client)
    .register(keyDocs, {
      type: "list of maps",
      meaning:
        "Who gets a client certificate, for services whose `access` asks for one. A client that you remove from the list is refused.",
      example: "[{ name: browser-of-ann }]",
    })
    .prefault([]),
  rotation: section(
    "Secrets that `pulumi up` replaces when you raise their number. Raise it by one at a time.",
    {
      kmsJwtKey: counter(
        "The key that signs the KMS's tokens. A new key revokes every token.",
        true,
      ),
      serverCertificate: counter("The private key and certificate of the proxy."),
      serverCa: counter("The private key and certificate of the authority that signs it."),
      serverCaRetired: retired("the authorities"),
      serverCaRetireBy: retireBy("authority"),
      clientCa: counter(
        "The private key and certificate of the authority that signs the clients' certificates. Each client gets a new certificate for its key.",
      ),
      clientCaRetired: retired("certificates signed by the client authorities"),
      clientCaRetireBy: retireBy("client authority"),
      kmsDatabase: counter("The passwords of the KMS's database, the administrator's too.", true),
      backendDatabase: counter(
        "The passwords of the Backend's database, the administrator's too.",
        true,
      ),
    },
  ),
  kapow,
  collector: z
    .array(collector)
    .register(keyDocs, {
      type: "list of maps",
      meaning:
        "Collectors that the stack runs: each takes records at its `bind`, encrypts them and sends them to the Backend.",
      example: "[{ image: registry.example.edu/cybexp-collector:1.0, user: collector }]",
    })
    .prefault([]),
  modules: section("What the output `moduleConfig` tells collectors and query modules.", {
    config: overrides("Numbers in their config.yaml.", moduleKeys),
  }),
  throwaway: flag(
    "Marks a stack whose data may be lost: `destroy` removes the volumes, and debug flags are allowed.",
  ),
  lost: z
    .array(
      key(parsed(parseLoss), {
        type: "PART@MARK",
        meaning: "One lost volume, or the KMS's lost keys.",
        allowed:
          "`kms-secrets`, `kms-db-data`, `backend-db-data` or `kms-keys`, an `@`, and the mark that the error names",
        example: "kms-secrets@3f2a9c10b7d4",
      }),
    )
    .register(keyDocs, {
      type: "list of strings",
      meaning:
        "Volumes of records, accounts or keys that are gone for good. The next `up` makes new ones, or accepts new keys. " +
        "Each entry allows a single loss. Remove it after that `up`.",
      example: "[kms-secrets@3f2a9c10b7d4]",
    })
    .prefault([]),
  backup,
  production: flag(
    "Marks a stack that serves real data. It refuses demo images, images without a digest, throw-away " +
      "volumes and values left over from the examples. The `npm run` commands also refuse a passphrase in the repository.",
  ),
  state: section(
    "Where the `npm run` commands keep the stack's state. `PULUMI_BACKEND_URL` in the environment takes precedence.",
    {
      backend: key(parsed(parseBackend), {
        type: "URL",
        meaning: "Pulumi's backend. Without it, the state is in this clone (`.cybexp/state`).",
        allowed:
          "`file:///path`, `s3://` (any S3-compatible store), `gs://`, `azblob://`, `https://` (Pulumi Cloud); no credentials in it",
      }).exactOptional(),
      secretsProvider: key(parsed(parseSecretsProvider), {
        type: "word or URL",
        meaning: "What encrypts the secrets in the state, from the stack's first `up` on.",
        allowed:
          "`passphrase`; `default` (Pulumi Cloud's own keys); `awskms://`, `gcpkms://`, `azurekeyvault://`, `hashivault://` and a key",
      }).exactOptional(),
    },
  ),
});
