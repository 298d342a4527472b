/** What a production stack may not be: mistakes that are none in a stack for trying out. */
import { BlockList, isIPv4 } from "node:net";
import { canonicalAddress } from "./addresses.ts";
import type { Finding } from "./finding.ts";
import { Fault } from "./fault.ts";
import { hasDigest, isDemoImage, isPlaceholderImage, parseImage } from "./images.ts";
import { parseHostName } from "./names.ts";
import { type Path, valueAt } from "./path.ts";
import { parseBoolean } from "./scalars.ts";
import { parseBackend } from "./state.ts";

/** Addresses that are kept for documentation (RFC 5737, RFC 3849): nothing ever listens there. */
const exampleAddresses = new BlockList();
for (const network of ["192.0.2.0", "198.51.100.0", "203.0.113.0"]) {
  exampleAddresses.addSubnet(network, 24, "ipv4");
}
exampleAddresses.addSubnet("2001:db8::", 32, "ipv6");

/** Names that are kept for documentation (RFC 2606), and the one that ours has. */
const EXAMPLE_NAME = /(^|\.)(example|example\.(com|net|org|edu))$/;

const DIGEST =
  "Name it by digest, as in registry.example.edu/name:1.0@sha256:...; `docker buildx imagetools inspect NAME` prints it.";

/** Whether the stack says that it is a production stack. */
export function isProduction(values: unknown): boolean {
  return parseBoolean(valueAt(values, ["production"]) ?? false) === true;
}

/** All that a production stack may not have; none for any other. */
export function unfitForProduction(values: Readonly<Record<string, unknown>>): Finding[] {
  return isProduction(values)
    ? [...unfitImages(values), ...throwaway(values), ...examples(values)]
    : [];
}

/** Of every key that names an image: what parses is judged here, the rest by the schema. */
function unfitImages(values: Readonly<Record<string, unknown>>): Finding[] {
  return Object.keys(values).flatMap((key) => {
    const path = [key, "image"];
    const image = valueAt(values, path);
    const fault =
      typeof image === "string" && !(parseImage(image) instanceof Fault) && unfit(image);
    return fault instanceof Fault ? [{ path, fault }] : [];
  });
}

function unfit(image: string): Fault | undefined {
  if (isDemoImage(image)) {
    return new Fault(
      "A demo image is a stand-in, built on the spot: a production stack runs the real one.",
      DIGEST,
    );
  }
  if (!hasDigest(image)) {
    return new Fault(
      "A tag can be moved to another build: a production stack names its images by digest.",
      DIGEST,
    );
  }
  return isPlaceholderImage(image)
    ? new Fault("This digest is the example's placeholder: no image has it.", DIGEST)
    : undefined;
}

function throwaway(values: unknown): Finding[] {
  const path = ["throwaway"];
  return parseBoolean(valueAt(values, path) ?? false) === true
    ? [
        {
          path,
          fault: new Fault(
            "The volumes of a throw-away stack go with `destroy`: a production stack keeps its data.",
            "Remove it; or, if the data may go, remove cybexp:production.",
          ),
        },
      ]
    : [];
}

/** What was left as the example has it. */
function examples(values: unknown): Finding[] {
  const names: Path[] = [
    ["proxy", "serverName"],
    ["kapow", "serverName"],
  ];
  const addresses: Path[] = [
    ["proxy", "address"],
    ["kapow", "address"],
  ];
  return [
    ...names
      .filter((path) => {
        const name = parseHostName(valueAt(values, path));
        return !(name instanceof Fault) && EXAMPLE_NAME.test(name);
      })
      .map((path) =>
        finding(path, "This name is kept for examples.", "the name that clients call"),
      ),
    ...addresses
      .filter((path) => isExampleAddress(valueAt(values, path)))
      .map((path) =>
        finding(path, "This address is kept for examples.", "an address of the Docker host"),
      ),
    ...(isExampleBackend(valueAt(values, ["state", "backend"]))
      ? [
          finding(
            ["state", "backend"],
            "This place is the example's.",
            "the URL of your own store (docs/environments.md)",
          ),
        ]
      : []),
  ];
}

function finding(path: Path, reason: string, what: string): Finding {
  return { path, fault: new Fault(reason, `Write ${what}.`) };
}

function isExampleAddress(raw: unknown): boolean {
  const address = typeof raw === "string" ? canonicalAddress(raw) : undefined;
  return (
    address !== undefined && exampleAddresses.check(address, isIPv4(address) ? "ipv4" : "ipv6")
  );
}

function isExampleBackend(raw: unknown): boolean {
  const backend = parseBackend(raw);
  const host = backend instanceof Fault ? undefined : /^[a-z0-9]+:\/\/([^/?:]+)/.exec(backend)?.[1];
  return host !== undefined && EXAMPLE_NAME.test(host);
}
