/** The README.txt of a client's folder: what is in the folder, and commands that work when pasted. */
import type { X509Certificate } from "node:crypto";

/** A service, as its callers see it. */
export interface Door {
  readonly title: string;
  /** Without a slash at the end. */
  readonly url: string;
  /** As in the settings: password, certificate, either or both. */
  readonly access: string;
}

export interface ReadmeInput {
  readonly stack: string;
  readonly name: string;
  readonly certificate: X509Certificate;
  /** Whether the folder has the private key. If not, only its owner has it. */
  readonly hasKey: boolean;
  readonly doors: readonly Door[];
}

const ASKS: Readonly<Record<string, string>> = {
  password: "takes user name and password only; it does not ask for the certificate",
  certificate: "takes the certificate",
  either: "takes the certificate, or user name and password",
  both: "takes the certificate together with user name and password",
};

/** The text, with lines of at most 100 characters unless a command is longer. */
export function renderReadme(input: ReadmeInput): string {
  const { name, doors, certificate } = input;
  // The commands are about a door that asks for the certificate, if any does.
  const door = doors.find(({ access }) => access !== "password") ?? doors[0];
  const url = `${door?.url ?? ""}/`;
  const withPassword = door?.access === "both";
  return [
    `Client certificate of ${name}`,
    "",
    ...doors.map(({ title, url, access }) => `  ${title}  ${url}  ${ASKS[access] ?? access}`),
    "",
    `  Subject      ${oneLine(certificate.subject)}`,
    `  Issued by    ${oneLine(certificate.issuer)}`,
    `  Valid until  ${certificate.validToDate.toISOString()}`,
    `  SHA-256      ${certificate.fingerprint256}`,
    "",
    ...files(input),
    "Run the commands below in this folder.",
    "",
    ...curl(name, url, withPassword),
    ...python(name, url, withPassword),
    ...node(name, url, withPassword),
    ...java(input),
  ].join("\n");
}

/** The name of the entry in the PKCS#12 file, in lower case because Java changes it to that anyway. */
export function alias(stack: string, name: string): string {
  return `cybexp-${stack}-${name}`.toLowerCase();
}

function oneLine(distinguishedName: string): string {
  return distinguishedName.replaceAll("\n", ", ");
}

function files({ stack, name, hasKey }: ReadmeInput): string[] {
  const width = Math.max(`${name}.p12`.length, "server-ca.crt".length);
  const row = (file: string, what: string) => `  ${file.padEnd(width)}  ${what}`;
  if (!hasKey) {
    return [
      "The owner created the private key, so it is not in this folder. For the commands below, put it",
      `here as ${name}.key, readable only by you.`,
      "",
      row(`${name}.crt`, "the certificate"),
      row("server-ca.crt", "the authority that verifies the server"),
      "",
      "For a browser, Windows, macOS or Java, put key and certificate into one file:",
      "",
      `  openssl pkcs12 -export -inkey ${name}.key -in ${name}.crt -out ${name}.p12 \\`,
      `    -keypbe PBE-SHA1-3DES -certpbe PBE-SHA1-3DES -macalg sha1 -name ${alias(stack, name)}`,
      "",
      "All of them read these algorithms. The file is only as safe as its password: choose a long,",
      "random one.",
      "",
    ];
  }
  return [
    row(
      `${name}.p12`,
      "key and certificate for browsers, Windows, macOS and Java, with a password",
    ),
    row(`${name}.crt`, "the certificate"),
    row(`${name}.key`, "the private key, not encrypted"),
    row(`${name}.pem`, "certificate and key, for programs that take one file"),
    row("server-ca.crt", "the authority that verifies the server"),
    "",
    `Whoever has ${name}.key or ${name}.pem can act as ${name}: keep them secret, and delete what you do`,
    `not use. You get the password of ${name}.p12 separately.`,
    "",
  ];
}

function curl(name: string, url: string, withPassword: boolean): string[] {
  return [
    "curl:",
    "",
    ...(withPassword ? ["  # Asks for the password of this user; put your own name there."] : []),
    `  curl --cacert server-ca.crt --cert ${name}.crt --key ${name}.key${withPassword ? ` --user ${name}` : ""} ${url}`,
    "",
  ];
}

function python(name: string, url: string, withPassword: boolean): string[] {
  return [
    "Python with requests:",
    "",
    "  import requests",
    "  answer = requests.get(",
    `      "${url}",`,
    `      cert=("${name}.crt", "${name}.key"),`,
    // With each call, because REQUESTS_CA_BUNDLE in the environment overrides a session's own.
    '      verify="server-ca.crt",',
    ...(withPassword ? ['      auth=("USER", open("password").read().strip()),'] : []),
    "  )",
    "  print(answer.text)",
    "",
  ];
}

function node(name: string, url: string, withPassword: boolean): string[] {
  return [
    "Node:",
    "",
    '  import { readFileSync } from "node:fs";',
    '  import { get } from "node:https";',
    "  const files = {",
    '    ca: readFileSync("server-ca.crt"),',
    `    cert: readFileSync("${name}.crt"),`,
    `    key: readFileSync("${name}.key"),`,
    ...(withPassword ? ['    auth: `USER:${readFileSync("password", "utf8").trim()}`,'] : []),
    "  };",
    `  get("${url}", files, (response) => response.pipe(process.stdout));`,
    "",
  ];
}

function java({ stack, name }: ReadmeInput): string[] {
  return [
    "Java (a truststore is not secret; its password only guards against accidents):",
    "",
    `  keytool -list -storetype PKCS12 -keystore ${name}.p12`,
    "  keytool -importcert -noprompt -alias cybexp-server-ca -file server-ca.crt \\",
    "    -storetype PKCS12 -keystore truststore.p12 -storepass changeit",
    "",
    `  The key's alias is ${alias(stack, name)}. For a program that takes system properties, put them into a`,
    "  file java.args that only its user can read, and run: java @java.args ...",
    "",
    `  -Djavax.net.ssl.keyStore=${name}.p12`,
    "  -Djavax.net.ssl.keyStoreType=PKCS12",
    `  -Djavax.net.ssl.keyStorePassword=THE-PASSWORD-OF-${name}.p12`,
    "  -Djavax.net.ssl.trustStore=truststore.p12",
    "  -Djavax.net.ssl.trustStoreType=PKCS12",
    "  -Djavax.net.ssl.trustStorePassword=changeit",
    "",
  ];
}
