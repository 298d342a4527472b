/**
 * The files of the container of the role `acme`. It runs certbot in a loop: certificates from an ACME server for
 * the servers that show them, renewed in time. Values in, files out.
 */
import { createHash } from "node:crypto";
import { CERTIFICATE_FACTS } from "./acmeCertificate.ts";
import type { AcmeInput, AcmeServer } from "./acmeInput.ts";
import { RENEWAL_LOOP } from "./acmeLoop.ts";
import { certbotOptions } from "./acmeOptions.ts";
import { ACME_FILES, ACME_FOLDER } from "./acmePaths.ts";
import { matching, matchingSecret, wholeNumber } from "./check.ts";
import type { ReleaseFile, ReleaseFiles } from "./release.ts";
import { checkServerNames, isWildcard, subjectNames } from "./serverNames.ts";

const LOOP = `${ACME_FOLDER}/${ACME_FILES.loop}`;

/** What the container runs as its first process. It ends at once on SIGTERM. */
export const acmeCommand = (): string[] => ["/bin/sh", LOOP];

/** Its health check: one sentence, and exit code 1 when somebody should look. */
export const acmeHealthCheck = (): string[] => ["/bin/sh", LOOP, "health"];

/**
 * The files of a release. The loop notices a new release by itself within seconds, so it needs neither a signal nor
 * a new container.
 *
 * @throws RangeError when a value could break out of its place, or when the challenge can't prove one of the names
 */
export function acmeFiles(input: AcmeInput): ReleaseFiles {
  const { authorities, challenge } = input;
  const credentials = challenge.kind === "http" ? undefined : challenge.credentials;
  return {
    [ACME_FILES.loop]: readable(RENEWAL_LOOP),
    [ACME_FILES.certificate]: readable(CERTIFICATE_FACTS),
    [ACME_FILES.options]: readable(certbotOptions(input)),
    [ACME_FILES.servers]: readable(serverList(input)),
    ...(authorities !== undefined && { [ACME_FILES.authorities]: readable(bundle(authorities)) }),
    ...(credentials !== undefined && { [ACME_FILES.credentials]: readable(credentials) }),
    ...(challenge.kind === "hook" && {
      [ACME_FILES.setRecord]: executable(challenge.setRecord),
    }),
    ...(challenge.kind === "hook" &&
      challenge.removeRecord !== undefined && {
        [ACME_FILES.removeRecord]: executable(challenge.removeRecord),
      }),
  };
}

const readable = (content: string): ReleaseFile => ({ content, mode: 0o400 });

const CERTIFICATES =
  /^(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]+\n)+-----END CERTIFICATE-----\n)+$/;

function bundle(pem: string): string {
  const what = "the authorities of the ACME server";
  return matching(what, `${pem.trim()}\n`, CERTIFICATES, "certificates in PEM and nothing else");
}

function executable(text: string): ReleaseFile {
  const content = matchingSecret(
    "the DNS hook",
    text,
    /^#! *\/[^\0]*$/,
    'a program that begins with "#!/"',
  );
  return { content, mode: 0o500 };
}

/** A line for each server: its name, that of its certificate for certbot, and the names in it. */
function serverList(input: AcmeInput): string {
  if (input.servers.length === 0) {
    throw new RangeError("there must be at least one server to get a certificate for");
  }
  const seen = new Set<string>();
  const lines = input.servers.map((server) => {
    const name = matching(
      "a server of ACME certificates",
      server.name,
      /^[a-z][a-z0-9-]*$/,
      "lower-case letters, digits and -, a letter first",
    );
    if (seen.has(name)) {
      throw new RangeError(`the server ${name} is there twice`);
    }
    seen.add(name);
    const names = provable(server.names, input);
    return [name, `${name}-${wanted(input, server, names)}`, ...names].join(" ");
  });
  return `${lines.join("\n")}\n`;
}

/** Each once, in lower case, in the given order. */
function provable(names: readonly string[], { challenge }: AcmeInput): string[] {
  checkServerNames(names);
  const { ipAddresses } = subjectNames(names);
  const wildcard = names.find(isWildcard);
  if (challenge.kind === "http" && wildcard !== undefined) {
    throw new RangeError(
      `the wildcard ${wildcard} can only be proven by DNS, not by HTTP (RFC 8555)`,
    );
  }
  if (challenge.kind !== "http" && ipAddresses[0] !== undefined) {
    throw new RangeError(
      `the IP address ${ipAddresses[0]} can only be proven by HTTP, not by DNS (RFC 8738)`,
    );
  }
  return [...new Set(names.map((name) => name.toLowerCase()))];
}

/**
 * What the certificate is wanted to be, as a part of its name for certbot: another wish is another certificate,
 * whatever was interrupted on the way.
 */
function wanted(input: AcmeInput, { generation }: AcmeServer, names: readonly string[]): string {
  const wish = {
    directory: input.directory,
    generation: wholeNumber("the generation of a server certificate", generation, 1, 1_000_000),
    names: [...names].sort(),
    profile: input.profile?.name ?? null,
  };
  return createHash("sha256").update(JSON.stringify(wish)).digest("hex").slice(0, 12);
}
