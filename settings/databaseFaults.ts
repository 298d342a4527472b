/** Mistakes about databases that show only across keys. */
import { SERVICES, type ServiceRole, SPOKEN } from "../names/docker.ts";
import { hostsOf } from "./databaseUri.ts";
import { type Finding, finding } from "./fault.ts";
import { valueAt } from "./path.ts";
import type { PartialSettings } from "./types.ts";

export function databaseFaults({ database }: PartialSettings, values: unknown): Finding[] {
  if (database === undefined) {
    return [];
  }
  const { uri: uris = {}, publish, hosts = [] } = database;
  const given = (service: ServiceRole) =>
    valueAt(values, ["database", "uri", service]) !== undefined;
  const own = SERVICES.filter((service) => !given(service));
  const findings: Finding[] = [];
  for (const service of SERVICES.filter(given)) {
    if (publish?.[service] !== undefined) {
      findings.push(
        finding(
          ["database", "publish", service],
          "The stack publishes only databases that it runs, and this one is your own.",
          "Remove it.",
        ),
      );
    }
  }
  if (own.length === SERVICES.length) {
    for (const name of ["ca", "hosts"] as const) {
      if (database[name] !== undefined) {
        findings.push(
          finding(
            ["database", name],
            "It is for databases of your own, and the stack runs both databases.",
            "Remove it, or set cybexp:database.uri.",
          ),
        );
      }
    }
  }
  const known = SERVICES.flatMap((service) => hostsOf(uris[service]));
  const isWhole = SERVICES.every((service) => !given(service) || uris[service] !== undefined);
  hosts.forEach((entry, index) => {
    const name = entry?.name?.toLowerCase();
    if (name !== undefined && isWhole && known.length > 0 && !known.includes(name)) {
      findings.push(
        finding(
          ["database", "hosts", index, "name"],
          "No connection string in cybexp:database.uri has this host.",
          "Write the name as it is there, or remove the entry.",
        ),
      );
    }
  });
  return findings;
}

/** The image of the databases, which only a stack without any does not need. */
export function missingImage(values: unknown): Finding[] {
  const own = SERVICES.filter(
    (service) => valueAt(values, ["database", "uri", service]) === undefined,
  );
  return own.length === 0 || valueAt(values, ["database", "image"]) !== undefined
    ? []
    : [
        finding(
          ["database", "image"],
          own.length === SERVICES.length
            ? "A value is required; this key has no default."
            : `A value is required: the stack runs the ${SPOKEN[own[0] ?? "kms"]}'s database.`,
          "Set it, for example to mongo:8.0.",
        ),
      ];
}
