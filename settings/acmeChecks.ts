/** Mistakes across the keys of `certificates.acme`: what no authority would issue, and what certbot would refuse. */
import { isIP } from "node:net";
import { type Finding, finding } from "./fault.ts";
import { isPublicDirectory, isStagingDirectory, rootsOf } from "./publicAuthorities.ts";
import type { Path } from "./path.ts";
import type { PartialSettings } from "./types.ts";

const ACME = ["certificates", "acme"] as const;

/** Plugins that find their credentials elsewhere, as by the role of a machine in the cloud. */
const WITHOUT_CREDENTIALS = ["route53", "google"];

/** All of them; none for a stack whose certificates come from elsewhere. */
export function acmeFaults(settings: PartialSettings): Finding[] {
  const { certificates } = settings;
  if (certificates?.source !== "acme") {
    return [];
  }
  if (!("acme" in certificates)) {
    return [
      finding(
        ACME,
        "Certificates are to come by ACME, and nothing says from where.",
        "Add the key acme with image, directory and email; docs/certificates.md has examples.",
      ),
    ];
  }
  return [
    ...names(settings),
    ...records(settings),
    ...unknownRoots(settings),
    ...staging(settings),
  ];
}

interface Name {
  readonly path: Path;
  readonly name: string;
}

/** The names that certificates are asked for. */
function namesIn({ proxy, kapow }: PartialSettings): Name[] {
  const named = Object.entries({ proxy, ...(kapow?.listen !== undefined && { kapow }) });
  return named.flatMap(([key, part]) => [
    ...(part?.serverName === undefined
      ? []
      : [{ path: [key, "serverName"], name: part.serverName }]),
    ...(part?.serverNames ?? []).flatMap((name, index) =>
      name === undefined ? [] : [{ path: [key, "serverNames", index], name }],
    ),
  ]);
}

function names(settings: PartialSettings): Finding[] {
  const { challenge, directory } = settings.certificates?.acme ?? {};
  return namesIn(settings).flatMap(({ path, name }) => {
    if (challenge === "http" && name.startsWith("*.")) {
      return finding(
        path,
        "A wildcard can't be proven by a file at port 80 (RFC 8555, 7.1.3).",
        "Set certificates.acme.challenge to dns, or name the hosts one by one.",
      );
    }
    if (challenge === "dns" && isIP(name) !== 0) {
      return finding(
        path,
        "An IP address has no DNS record to prove it by (RFC 8738).",
        "Set certificates.acme.challenge to http, or leave the address out.",
      );
    }
    const why = directory !== undefined && isPublicDirectory(directory) && unprovable(name);
    return why
      ? finding(
          path,
          `No public authority issues a certificate for it: ${why}.`,
          "Write a name that the world's DNS has, or take another source of certificates.",
        )
      : [];
  });
}

/** Why nobody on the internet can check who has a name; undefined if somebody can. */
function unprovable(name: string): string | undefined {
  if (isIP(name) !== 0) {
    return isPrivate(name) ? "it is an address of a private network" : undefined;
  }
  if (!name.includes(".")) {
    return "it has no dot in it, so it is no name in the public DNS";
  }
  return /\.(local|localhost|internal|test|example|invalid|home\.arpa|lan|corp|home|intranet|private)$/.test(
    name,
  )
    ? "the public DNS has no such names (RFC 6761, RFC 6762)"
    : undefined;
}

const isPrivate = (address: string): boolean =>
  /^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(
    address,
  ) || /^(::1?$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/i.test(address);

/** How the record is set, with `challenge: dns`. */
function records({ certificates }: PartialSettings): Finding[] {
  const { challenge, dns } = certificates?.acme ?? {};
  if (challenge !== "dns") {
    return [];
  }
  const path = [...ACME, "dns"];
  const has = (key: string) => dns !== undefined && key in dns;
  if (!has("plugin") && !has("setRecord")) {
    return [
      finding(
        path,
        "Nothing says how a record gets into the DNS.",
        "Set plugin to a DNS plugin of certbot's, or setRecord to a program of your own.",
      ),
    ];
  }
  if (has("plugin") && has("setRecord")) {
    return [
      finding(
        [...path, "setRecord"],
        "There is a plugin, too: only one of the two can set the record.",
        "Remove setRecord and removeRecord, or remove plugin.",
      ),
    ];
  }
  if (has("removeRecord") && !has("setRecord")) {
    return [
      finding(
        [...path, "removeRecord"],
        "A plugin removes its records itself.",
        "Remove removeRecord.",
      ),
    ];
  }
  return dns?.plugin !== undefined &&
    !has("credentials") &&
    !WITHOUT_CREDENTIALS.includes(dns.plugin)
    ? [
        finding(
          [...path, "credentials"],
          `The plugin ${dns.plugin} needs its credentials file.`,
          "Set it: pulumi config set --secret --path certificates.acme.dns.credentials < FILE",
        ),
      ]
    : [];
}

/** What callers verify the certificates by has to be known. */
function unknownRoots({ certificates }: PartialSettings): Finding[] {
  const { directory } = certificates?.acme ?? {};
  return directory === undefined ||
    rootsOf(directory).length > 0 ||
    (certificates !== undefined && "authorities" in certificates)
    ? []
    : [
        finding(
          ["certificates", "authorities"],
          "It is not known by which root callers verify what this directory's authority issues.",
          "Give the authority's root certificate, in PEM or as the path of a file.",
        ),
      ];
}

function staging({ production, certificates }: PartialSettings): Finding[] {
  const { directory } = certificates?.acme ?? {};
  return production === true && directory !== undefined && isStagingDirectory(directory)
    ? [
        finding(
          [...ACME, "directory"],
          "Nobody trusts what an authority issues for trying out: a production stack takes the real directory.",
          "Leave the key out for Let's Encrypt, or write your authority's directory.",
        ),
      ]
    : [];
}
