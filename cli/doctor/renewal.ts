/** Whether certificates from an ACME server are there, and are renewed. */
import { ACME, dockerName, PROXY } from "../../names/docker.ts";
import { renewalSentence, statusOf } from "../../programs/certificates/renewal.ts";
import type { Docker } from "../../programs/docker/docker.ts";
import { namesOfServers } from "../../settings/renewedServers.ts";
import type { Settings } from "../../settings/types.ts";
import type { Finding } from "./finding.ts";

/** @param ill Containers whose fault is told already, in the words of their health checks. */
export async function lookAtRenewal(
  docker: Docker,
  stack: string,
  settings: Settings,
  ill: readonly string[],
): Promise<Finding[]> {
  const container = dockerName(stack, ACME);
  const told = [container, dockerName(stack, PROXY)].some((name) => ill.includes(name));
  if (settings.certificates.source !== "acme" || told) {
    return [];
  }
  const servers = namesOfServers(settings);
  const sentences = await Promise.all(
    servers.map(async (server) =>
      renewalSentence(server, await statusOf(docker, container, server.name)),
    ),
  );
  const about = "renewal";
  const faults = sentences.filter((text) => text !== undefined);
  return faults.length === 0
    ? [{ level: "good", about, text: "the certificate authority renews what the servers show" }]
    : faults.map((text) => ({
        level: "fault",
        about,
        text: `${text}: see \`docker logs ${container}\``,
      }));
}
