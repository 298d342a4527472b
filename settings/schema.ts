/**
 * The stack's configuration, key by key: the type, bounds, default and meaning of each. What can only
 * be judged across keys is in `consistency.ts`; the reference in `docs/reference.md` is made of this.
 */
import { z } from "zod";
import { parseListenAddress, parseLoopbackEndpoint } from "./addresses.ts";
import { parseCertificateRequest } from "./certificateRequest.ts";
import { certificateDays } from "./certificates.ts";
import { parseDay } from "./days.ts";
import { Fault } from "./fault.ts";
import { parseImage } from "./images.ts";
import { KAPOW_ADDRESS, parseInit } from "./kapow.ts";
import { type KeyDoc, keyDocs } from "./keyDoc.ts";
import { boolean, oneOf, parsed, port as portType, text, wholeNumber } from "./leaves.ts";
import { parseLoss } from "./lost.ts";
import { parseHostName, parseServerName, parseUserName } from "./names.ts";
import { parsePassword } from "./passwords.ts";
import {
  databaseResources,
  kapowResources,
  moduleKeys,
  proxyResources,
  type ResourceKey,
  serviceResources,
} from "./resources.ts";
import { backendKeys, type ConfigValue, kmsKeys, type ServiceKeys } from "./services.ts";
import { parseBackend, parseSecretsProvider } from "./state.ts";

/** One value. */
const key = <T extends z.ZodType>(leaf: T, doc: KeyDoc): T => {
  keyDocs.add(leaf, doc);
  return leaf;
};

/** A map of known keys. An absent one counts as empty, so that each of its required keys is reported. */
const section = <S extends z.ZodRawShape>(meaning: string, shape: S) =>
  z
    .strictObject(shape)
    .register(keyDocs, { type: "map", meaning })
    .prefault({} as never);

/** A map of keys that each have a default of their own, which follows from others or is the service's. */
const overrides = <T, N extends string>(
  meaning: string,
  keys: Readonly<Record<N, KeyDoc & { readonly leaf: z.ZodType<T> }>>,
) =>
  section(
    meaning,
    Object.fromEntries(
      Object.entries<KeyDoc & { readonly leaf: z.ZodType<T> }>(keys).map(
        ([name, { leaf, ...doc }]) => [name, key(leaf, doc).exactOptional()],
      ),
    ) as Record<N, z.ZodExactOptional<z.ZodType<T>>>,
  );

/** Optional to those who make settings of their own; a stack's have an empty map where none is given. */
const limits = <N extends string>(whose: string, keys: Readonly<Record<N, ResourceKey>>) =>
  overrides(`What ${whose} may take of the engine's machine.`, keys).exactOptional();

const image = (what: string, example: string) =>
  key(parsed(parseImage), {
    type: "image reference",
    meaning: `The image of ${what}.`,
    allowed: "`name:tag`, `name@sha256:...` or both; not `latest`",
    example,
  });

const endpoint = (meaning: string, example: string) =>
  key(parsed(parseLoopbackEndpoint), {
    type: "IP address and port",
    meaning,
    allowed: "an address of 127.0.0.0/8, or ::1 in brackets, and a port",
    example,
  });

const listenAddress = (what: string, example?: string) =>
  key(parsed(parseListenAddress), {
    type: "IP address",
    meaning: `The address of the Docker host at which ${what} listens.`,
    allowed: "an IPv4 or IPv6 address; 0.0.0.0 for every IPv4 one, :: for every IPv6 one",
    example,
  });

const port = (meaning: string, more: Pick<KeyDoc, "example" | "fallback">) =>
  key(portType(), { type: "port", meaning, allowed: "1 to 65535", ...more });

const hostName = (meaning: string, more: Pick<KeyDoc, "example" | "fallback">) =>
  key(parsed(parseHostName), {
    type: "host name",
    meaning,
    allowed: "a host name (RFC 1123), no IP address",
    ...more,
  });

const callerName = (meaning: string, more: Pick<KeyDoc, "example" | "secret">) =>
  key(parsed(parseUserName), {
    type: "name",
    meaning,
    allowed: "1 to 64 letters, digits and . _ @ -, a letter or digit first",
    ...more,
  });

/** Further names beside the one in the URLs. */
const serverNames = (what: string) =>
  z
    .array(
      key(parsed(parseServerName), {
        type: "host name or IP address",
        meaning: "One of them.",
        allowed: "a host name, `*.` and a host name, an IPv4 or IPv6 address",
        example: "kms.example.edu",
      }),
    )
    .register(keyDocs, {
      type: "list of texts",
      meaning: `Further names that ${what} answers to, all in its certificate: host names, \`*.\` and a host name, IP addresses. With an IP address among them, callers that say no name in their handshake are served.`,
      fallback: "none",
      example: "[kms.example.edu, 192.0.2.10]",
    })
    .prefault([]);

/** Yes or no; no where it is absent. */
const flag = (meaning: string) =>
  key(boolean(), { type: "boolean", meaning, allowed: "true or false" }).default(false);

const word = <const W extends readonly [string, ...string[]]>(meaning: string, words: W) =>
  key(oneOf(words), {
    type: "word",
    meaning,
    allowed: `${words.length === 1 ? "only" : "one of"} ${words.map((word) => `\`${word}\``).join(", ")}`,
  });

const access = (remark = "") =>
  word(
    "What lets a caller in: the `password` of a user (HTTP basic authentication), the " +
      `\`certificate\` of a client, \`either\` of them, or \`both\`.${remark}`,
    ["password", "certificate", "either", "both"],
  );

const service = (
  name: string,
  example: { bind: string; listen: number },
  keys: ServiceKeys,
  resources: typeof serviceResources.kms,
) =>
  section(`The ${name}.`, {
    image: image(`the ${name}`, `registry.example.edu/cybexp-${name.toLowerCase()}:1.0`),
    bind: endpoint(
      `Where the operator reaches the ${name} itself on the Docker host, without the proxy.`,
      example.bind,
    ),
    listen: port(`The port at which the proxy serves the ${name} over TLS.`, {
      example: String(example.listen),
    }),
    access: access(" CYBEX-P's own modules send passwords only.").default("password"),
    config: overrides<ConfigValue, string>(
      `Keys of the ${name}'s own config.yaml that shall differ from what this stack gives it.`,
      keys,
    ),
    resources: limits(`the ${name}'s container`, resources),
  });

const publishedDatabase = (name: string) =>
  endpoint(
    `Where the operator reaches the ${name}'s database on the Docker host.`,
    "127.0.0.1:5006",
  ).exactOptional();

const days = (name: keyof typeof certificateDays, meaning: string, rule?: string) => {
  const { least, most, fallback } = certificateDays[name];
  const allowed = [`${least} to ${most}`, ...(rule === undefined ? [] : [rule])].join(", ");
  return key(wholeNumber(least, most), { type: "days", meaning, allowed }).default(fallback);
};

/** The highest value of a counter; nobody rotates a secret so often. */
const MOST_ROTATIONS = 1_000_000;

const counter = (meaning: string, secret = false) =>
  key(wholeNumber(1, MOST_ROTATIONS), {
    type: "whole number",
    meaning,
    allowed: "1 or more",
    ...(secret && { secret }),
  }).default(1);

/** The other half of a counter: up to which number the old secrets are shut out. */
const retired = (what: string) =>
  key(wholeNumber(0, MOST_ROTATIONS), {
    type: "whole number",
    meaning: `Up to this number ${what} are refused. Until then the previous one is good beside the new.`,
    allowed: "0 or more, less than the number that is in use",
  }).default(0);

const retireBy = (what: string) =>
  key(parsed(parseDay), {
    type: "date",
    meaning: `The day by which the previous ${what} is to be retired; from then on \`preview\` and \`up\` warn.`,
    allowed: "a day such as 2026-12-31",
    fallback: "none",
  }).exactOptional();

const user = section("One user.", {
  name: callerName("What the user sends as the name; each name once.", {
    example: "collector",
    secret: false,
  }),
  generation: counter("The next number makes a new password; the previous one stays good."),
  retired: retired("the user's passwords"),
  retireBy: retireBy("password"),
  password: key(parsed(parsePassword), {
    type: "secret text",
    meaning:
      "A password of the operator's own instead of a generated one. Set it with " +
      "`pulumi config set --secret --path 'users[0].password'`.",
    allowed: "20 to 72 characters of printable ASCII, no space at the ends, stored as a secret",
    fallback: "generated",
  }).exactOptional(),
});

const client = section("One client.", {
  name: callerName(
    "The name in the certificate, and what the services are told; each name once. A user of the same name is the same caller to the services.",
    { example: "browser-of-ann" },
  ),
  generation: counter(
    "The next number makes a new key and certificate; the previous ones stay good.",
  ),
  retired: retired("the client's certificates"),
  retireBy: retireBy("certificate"),
  revoked: flag(
    "Refuses every certificate of this client from the next `up` on, and for good: only the next generation is good again.",
  ),
  csr: key(parsed(parseCertificateRequest), {
    type: "PEM text",
    meaning:
      "A certificate request made elsewhere, so that the private key never leaves its owner. Of the request only the public key is used. Another one belongs to the next generation: else the certificate before is refused at once.",
    allowed:
      "a PKCS#10 request of an RSA key (2048 to 8192 bits) or an ECDSA key (P-256, P-384, P-521), signed by it with SHA-256 or better",
  }).exactOptional(),
  keyType: word(
    "The key that the stack makes where there is no request: `ecdsa` is P-256, `rsa` has 3072 bits, for programs that take nothing else. Another one belongs to the next generation: else the certificate before is refused at once.",
    ["ecdsa", "rsa"],
  ).default("ecdsa"),
});

const kapow = z
  .strictObject({
    image: image("Kapow!", "registry.example.edu/kapow:0.7.1"),
    address: listenAddress("Kapow! itself").default(KAPOW_ADDRESS),
    listen: port(
      "A port of its own, at which callers with a client certificate reach its routes, a revoked one as well; its control and data interfaces are published nowhere.",
      { fallback: "none" },
    ).exactOptional(),
    door: z
      .strictObject({
        listen: port("The port at which the proxy serves Kapow!'s routes over TLS.", {
          example: "5003",
        }),
        access: access().default("certificate"),
      })
      .register(keyDocs, {
        type: "map",
        meaning:
          "A door to it at the proxy, with revocation, the user list and the proxy's log. Without one, `listen` is required.",
      })
      .exactOptional(),
    serverName: hostName("The name that callers call, in its certificate.", {
      fallback: "the proxy's",
    }).exactOptional(),
    serverNames: serverNames("Kapow! itself"),
    init: key(parsed(parseInit), {
      type: "text or path",
      meaning:
        "The program that adds the routes: its text, or where it is in the image. No secrets: every route's command can read it.",
      allowed: "text that begins with `#!` and an interpreter's path; or an absolute path",
      example: '"/init.sh"',
    }),
    healthRoute: key(
      text(
        /^\/[\w.~/-]{0,199}$/,
        new Fault(
          "Allowed: the path of a route that answers GET with 2xx: / and letters, digits, . _ ~ - and more /.",
          "Add such a route in init, and write its path, for example /health.",
        ),
      ),
      {
        type: "path",
        meaning:
          "A route of init that the health check asks by GET: a server whose init failed answers 404 to everything and looks well otherwise. The image needs `sh`, and `curl`, GNU `wget` or `python3`.",
        allowed: "/ and letters, digits, . _ ~ - and more /; no pattern",
        example: "/health",
      },
    ),
    program: key(
      text(
        /^([\w.-]+|(\/[\w.-]+)+)$/,
        new Fault(
          "Allowed: a program's name, or its path in the image.",
          "Write, for example, kapow or /kapow.",
        ),
      ),
      {
        type: "name or path",
        meaning: "The program in the image.",
        allowed: "a name in its PATH, or an absolute path",
      },
    ).default("kapow"),
    egress: flag("Whether its routes' commands may call out of the Docker host."),
    resources: limits("Kapow!'s container", kapowResources),
  })
  .register(keyDocs, {
    type: "map",
    meaning: "A Kapow! server with mutual TLS, at a port of its own, behind the proxy, or both.",
  })
  .exactOptional();

/** Everything below `cybexp:` in a stack's configuration. */
export const schema = z.strictObject({
  kms: service("KMS", { bind: "127.0.0.1:5012", listen: 5002 }, kmsKeys, serviceResources.kms),
  backend: service(
    "Backend",
    { bind: "127.0.0.1:5011", listen: 5001 },
    backendKeys,
    serviceResources.backend,
  ),
  database: section("The two databases: one of the KMS, one of the Backend.", {
    image: image("both databases", "mongo:8.0"),
    publish: section(
      "Databases that the operator wants to reach directly; the others get no port.",
      { kms: publishedDatabase("KMS"), backend: publishedDatabase("Backend") },
    ),
    resources: section("What each database's container may take of the engine's machine.", {
      ...overrides("", databaseResources).unwrap().shape,
      kms: limits("the KMS's database, where it differs,", databaseResources),
      backend: limits("the Backend's database, where it differs,", databaseResources),
    }).exactOptional(),
  }),
  proxy: section("The Nginx in front of both services: the only way in from the network.", {
    image: image("the proxy", "nginx:1.28"),
    serverName: hostName("The name that clients call, in the certificate and in the URLs.", {
      example: "cybexp.example.edu",
    }),
    serverNames: serverNames("the proxy"),
    hsts: key(boolean(), {
      type: "boolean",
      meaning:
        "Whether browsers are told to call these names by TLS for two years (RFC 6797); `localhost` and IP addresses are left out.",
      allowed: "true or false",
    }).default(true),
    address: listenAddress("the proxy", "192.0.2.10"),
    readTimeout: key(
      wholeNumber(36, 3600, "a service may take 35 s to tell that its database is down"),
      {
        type: "seconds",
        meaning: "How long the proxy waits for a service's answer before it gives a 504.",
        allowed:
          "36 to 3600; a service without its database answers only after 30 s, a login up to 5 s later",
      },
    ).default(300),
    shutdownTimeout: key(wholeNumber(1, 3600), {
      type: "seconds",
      meaning:
        "How long requests that are under way may go on after a rotation; then their connections are closed, so that nothing retired lives on in them.",
      allowed: "1 to 3600",
    }).default(60),
    metrics: endpoint(
      "Where Prometheus reads, on the Docker host, when certificates end: by plain HTTP, at `/metrics`.",
      "127.0.0.1:9113",
    ).exactOptional(),
    resources: limits("the proxy's container", proxyResources),
  }),
  certificates: section("The proxy's certificate.", {
    source: word(
      "Where it comes from: `generated` is a certificate authority of the stack's own.",
      ["generated"],
    ).default("generated"),
    validityDays: days("validityDays", "How long a server certificate is valid."),
    renewBeforeDays: days(
      "renewBeforeDays",
      "An `up` within so many days of its end renews it.",
      "less than validityDays",
    ),
    caValidityDays: days(
      "caValidityDays",
      "How long a certificate authority is valid: the server's, and the clients'.",
      "more than validityDays and clientValidityDays",
    ),
    clientValidityDays: days(
      "clientValidityDays",
      "How long a client's certificate is valid. An `up` within renewBeforeDays of its end renews " +
        "it: the new one is to be handed over, the old one is good until its end.",
      "more than renewBeforeDays",
    ),
    warnDays: days(
      "warnDays",
      "`preview`, `up` and `doctor` warn within so many days of the end of a certificate or list, or within " +
        "the last third of its life if that is shorter. What the next `up` renews by itself is no warning there.",
      "0: only once it has ended",
    ),
  }),
  users: z
    .array(user)
    .min(1)
    .register(keyDocs, {
      type: "list of maps",
      meaning: "Who may call the services; the same users for both.",
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
        "Who gets a client certificate, for the services whose `access` asks for one. A client that is taken off the list is refused as well.",
      example: "[{ name: browser-of-ann }]",
    })
    .prefault([]),
  rotation: section(
    "Secrets that `pulumi up` makes anew when their number is raised, by one at a time.",
    {
      kmsJwtKey: counter(
        "The key that signs the KMS's tokens: a new one revokes every token.",
        true,
      ),
      serverCertificate: counter("The private key and certificate of the proxy."),
      serverCa: counter("The private key and certificate of the authority that signs it."),
      serverCaRetired: retired("the authorities"),
      serverCaRetireBy: retireBy("authority"),
      clientCa: counter(
        "The private key and certificate of the authority that signs the clients' certificates: each client gets a new certificate of its key.",
      ),
      clientCaRetired: retired("certificates by the client authorities"),
      clientCaRetireBy: retireBy("client authority"),
      kmsDatabase: counter("The passwords of the KMS's database, the administrator's too.", true),
      backendDatabase: counter(
        "The passwords of the Backend's database, the administrator's too.",
        true,
      ),
    },
  ),
  kapow,
  modules: section("What the output `moduleConfig` says to collectors and queries.", {
    config: overrides("Numbers of their config.yaml.", moduleKeys),
  }),
  throwaway: flag(
    "A stack whose data may go: `destroy` removes the volumes, and debug flags are allowed.",
  ),
  lost: z
    .array(
      key(parsed(parseLoss), {
        type: "PART@MARK",
        meaning: "One volume that is gone.",
        allowed:
          "`kms-secrets`, `kms-db-data` or `backend-db-data`, an `@`, and the mark that the error names",
        example: "kms-secrets@3f2a9c10b7d4",
      }),
    )
    .register(keyDocs, {
      type: "list of texts",
      meaning:
        "Volumes of records, accounts or keys that are gone for good, so that the next `up` makes new ones. " +
        "Each permits one loss and no later one; it is to be removed after that `up`.",
      example: "[kms-secrets@3f2a9c10b7d4]",
    })
    .prefault([]),
  production: flag(
    "A stack that serves real data: it refuses demo images, images without digest, throw-away " +
      "volumes and the examples' values; the tools refuse a passphrase in the repository, too.",
  ),
  state: section(
    "Where the `npm run` commands keep the stack's state. `PULUMI_BACKEND_URL` in the environment wins.",
    {
      backend: key(parsed(parseBackend), {
        type: "URL",
        meaning: "Pulumi's backend; absent, the state is in this clone (`.cybexp/state`).",
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
