/** What the container that renews certificates tells of itself. */
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { AcmeStatus } from "../../render/acmeInput.ts";
import { ACME_PATHS, versionIn } from "../../render/acmePaths.ts";
import { type Docker, DockerError } from "../docker/docker.ts";
import { untar } from "../docker/archive.ts";

/** What there is to ask. */
export const renewalInput = z.object({
  /** The container that renews. */
  container: z.string(),
  /** The release of settings that it is to renew by. */
  release: z.string(),
  servers: z.array(
    z.object({
      name: z.string(),
      names: z.array(z.string()),
      /** Of the server. */
      container: z.string(),
      /** Run in it: says `ok` and the version of the certificate that it shows, or fails. */
      asks: z.array(z.string()),
    }),
  ),
});
export type Renewal = z.infer<typeof renewalInput>;
type Server = Renewal["servers"][number];

const statusSchema: z.ZodType<AcmeStatus> = z.object({
  server: z.string(),
  release: z.string(),
  names: z.array(z.string()),
  current: z.boolean(),
  notBefore: z.string().nullable(),
  notAfter: z.string().nullable(),
  issuer: z.string().nullable(),
  failures: z.number(),
  lastAttempt: z.string().nullable(),
  lastSuccess: z.string().nullable(),
  nextAttempt: z.string().nullable(),
  lastError: z.string().nullable(),
});

/** Undefined before it has said anything. */
export async function statusOf(
  docker: Docker,
  container: string,
  server: string,
): Promise<AcmeStatus | undefined> {
  const text = await fileOf(docker, container, `${ACME_PATHS.served}/${server}/status.json`);
  try {
    return statusSchema.parse(JSON.parse(text ?? ""));
  } catch {
    return undefined;
  }
}

async function fileOf(docker: Docker, container: string, path: string) {
  try {
    const archive = await docker.copyOut(container, path);
    return archive && (await untar(archive))[0]?.content.toString();
  } catch (error) {
    // Somebody may have removed the container, which is told elsewhere.
    if (error instanceof DockerError) {
      return undefined;
    }
    throw error;
  }
}

/**
 * A sentence for a server whose certificate is not as it is wanted, or can't be renewed at present; undefined if all
 * is well.
 */
export function renewalSentence(
  { name, names }: { readonly name: string; readonly names: readonly string[] },
  status: AcmeStatus | undefined,
): string | undefined {
  if (status === undefined) {
    return `the certificate of the ${name} is not renewed: the container that does so has said nothing yet`;
  }
  const { notAfter, failures, lastError, nextAttempt } = status;
  const served =
    notAfter === null
      ? "an interim certificate of the stack's own authority serves"
      : `the certificate that is valid until ${notAfter} serves`;
  const attempts = failures === 1 ? "1 attempt" : `${failures} attempts`;
  const why = `${attempts} failed (${lastError ?? "for no known reason"}); the next is at ${nextAttempt}`;
  if (!isWanted(status, names)) {
    return `the certificate authority has not issued the certificate for ${names.join(", ")} of the ${name} yet, so ${served}${failures === 0 ? "" : `: ${why}`}`;
  }
  return failures === 0
    ? undefined
    : `the certificate of the ${name} could not be renewed, so ${served}: ${why}`;
}

/** Whether what serves is what the config asks for. */
function isWanted(status: AcmeStatus, names: readonly string[]): boolean {
  const key = (list: readonly string[]) =>
    [...new Set(list.map((name) => name.toLowerCase()))].sort().join(" ");
  return status.current && key(status.names) === key(names);
}

/** How long an `up` waits for the authority, and for a server to show what came from there. */
const PATIENCE_MS = 60_000;
const START_MS = 60_000;

/**
 * Waits until every server has the certificate that it is to have, and shows it: not for long, since the authority
 * may be away.
 *
 * @returns A sentence for each that has not; it is issued whenever the authority does so.
 */
export async function awaitCertificates(docker: Docker, renewal: Renewal): Promise<string[]> {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await Promise.all(
      renewal.servers.map(async (server) => {
        const status = await statusOf(docker, renewal.container, server.name);
        const done = status?.release === renewal.release && isWanted(status, server.names);
        const next = Date.parse(status?.nextAttempt ?? "");
        return { server, status, done, hopeless: !!status?.failures && next > end };
      }),
    );
    const missing = found.filter(({ done }) => !done);
    if (Date.now() > end || missing.every(({ hopeless }) => hopeless)) {
      const sentences = missing.map(
        ({ server, status }) =>
          renewalSentence(server, status) ??
          `the certificate of the ${server.name} is not renewed by the new settings yet: see \`docker logs ${renewal.container}\``,
      );
      // Also if another one is missing: a server that starts anew at this moment answers nobody.
      const shown = found.map(({ server }) => untilShown(docker, renewal.container, server));
      return [...sentences, ...(await Promise.all(shown)).flat()];
    }
    await sleep(500);
  }
}

/** Waits until a server shows what it was given last. */
async function untilShown(docker: Docker, from: string, server: Server): Promise<string[]> {
  const { name, container } = server;
  for (const end = Date.now() + START_MS; Date.now() < end; await sleep(500)) {
    const conf = await fileOf(docker, from, `${ACME_PATHS.served}/${name}/current.conf`);
    const given = versionIn(conf ?? "");
    if (conf === undefined || (given !== undefined && given === (await shownBy(docker, server)))) {
      return [];
    }
  }
  return [
    `the ${name} does not show its new certificate after ${START_MS / 1000} s: its health or its log says why (\`docker inspect ${container}\`, \`docker logs ${container}\`)`,
  ];
}

async function shownBy(docker: Docker, { container, asks }: Server): Promise<string | undefined> {
  try {
    const answer = await docker.run(["exec", container, ...asks]);
    return /^ok (\S+)$/m.exec(answer)?.[1];
  } catch (error) {
    if (error instanceof DockerError) {
      return undefined;
    }
    throw error;
  }
}
