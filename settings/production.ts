/** What a production stack must not have, although it is fine in a stack for trying things out. */
import { BlockList, isIPv4 } from "node:net";
import { type Finding, finding } from "./fault.ts";
import { isEncrypted, readDatabaseUri } from "./databaseUri.ts";
import { hasDigest, isDemoImage, isPlaceholderImage } from "./images.ts";
import type { Path } from "./path.ts";
import type { PartialSettings } from "./types.ts";

/** Addresses reserved for documentation (RFC 5737, RFC 3849): nothing ever listens there. */
const exampleAddresses = new BlockList();
for (const network of ["192.0.2.0", "198.51.100.0", "203.0.113.0"]) {
  exampleAddresses.addSubnet(network, 24, "ipv4");
}
exampleAddresses.addSubnet("2001:db8::", 32, "ipv6");

/** Names reserved for documentation (RFC 2606), and example.edu, which this project's examples use. */
const EXAMPLE_NAME = /(^|\.)(example|example\.(com|net|org|edu))$/;

const DIGEST =
  "Name it by digest, as in registry.example.edu/name:1.0@sha256:...; `docker buildx imagetools inspect NAME` prints it.";

/** What a production stack must not have, as far as the config parses. Nothing for any other stack. */
export function unfitForProduction(settings: PartialSettings): Finding[] {
  return settings.production
    ? [
        ...unfitImages(settings),
        ...unencrypted(settings),
        ...throwaway(settings),
        ...examples(settings),
      ]
    : [];
}

function unfitImages({
  kms,
  backend,
  database,
  proxy,
  kapow,
  certificates,
  collector = [],
}: PartialSettings): Finding[] {
  const acme = certificates?.source === "acme" ? certificates.acme : undefined;
  const parts = [
    ...Object.entries({ kms, backend, database, proxy, kapow }).map(
      ([key, part]) => [[key], part] as const,
    ),
    [["certificates", "acme"], acme] as const,
    ...collector.map((part, index) => [["collector", index], part] as const),
  ];
  return parts.flatMap(([path, part]) => {
    const reason = part?.image === undefined ? undefined : unfit(part.image);
    return reason === undefined ? [] : [finding([...path, "image"], reason, DIGEST)];
  });
}

function unfit(image: string): string | undefined {
  if (isDemoImage(image)) {
    return "This is a demo image, built on this machine. A production stack runs the real one.";
  }
  if (!hasDigest(image)) {
    return "A tag can be moved to another build. A production stack names its images by digest.";
  }
  return isPlaceholderImage(image)
    ? "This digest is the example's placeholder: no image has it."
    : undefined;
}

/** Accounts and records would cross the network in clear. */
function unencrypted({ database }: PartialSettings): Finding[] {
  return Object.entries(database?.uri ?? {}).flatMap(([service, uri]) =>
    uri === undefined || isEncrypted(readDatabaseUri(uri))
      ? []
      : [
          finding(
            ["database", "uri", service],
            "Without TLS, anybody on the way to the database can read and change what is stored.",
            "Add tls=true to its options, and give the database a certificate.",
          ),
        ],
  );
}

function throwaway({ throwaway }: PartialSettings): Finding[] {
  return throwaway
    ? [
        finding(
          ["throwaway"],
          "`destroy` removes the volumes of a throw-away stack. A production stack keeps its data.",
          "Remove it. If the data may be lost, remove cybexp:production instead.",
        ),
      ]
    : [];
}

/** Values left over from the example. */
function examples({ proxy, kapow, state }: PartialSettings): Finding[] {
  const left = (path: Path, isLeft: boolean, reason: string, what: string): Finding[] =>
    isLeft ? [finding(path, reason, `Write ${what}.`)] : [];
  return [
    ...Object.entries({ proxy, kapow }).flatMap(([key, part]) => [
      ...left(
        [key, "serverName"],
        EXAMPLE_NAME.test(part?.serverName ?? ""),
        "This name is reserved for examples.",
        "the name that clients use",
      ),
      ...left(
        [key, "address"],
        part?.address !== undefined && isExampleAddress(part.address),
        "This address is reserved for examples.",
        "an address of the Docker host",
      ),
    ]),
    ...left(
      ["state", "backend"],
      EXAMPLE_NAME.test(hostOf(state?.backend ?? "")),
      "This is the example's URL.",
      "the URL of your own store (docs/environments.md)",
    ),
  ];
}

function isExampleAddress(address: string): boolean {
  return exampleAddresses.check(address, isIPv4(address) ? "ipv4" : "ipv6");
}

function hostOf(url: string): string {
  return /^[a-z0-9]+:\/\/([^/?:]+)/.exec(url)?.[1] ?? "";
}
