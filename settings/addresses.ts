/** IP addresses and endpoints: where something may listen. */
import { BlockList, isIP, isIPv4, isIPv6, SocketAddress } from "node:net";
import { Fault } from "./fault.ts";
import { port as portType } from "./leaves.ts";

/** An IP address and a port. */
export interface Endpoint {
  /** An IP address, never a host name. */
  readonly address: string;
  readonly port: number;
}

const PORT = portType();

const LOOPBACK = "Allowed: an IP address in 127.0.0.0/8, or ::1, with a port.";
const EXAMPLE = "Write, for example, 127.0.0.1:5012 or [::1]:5012.";

/** Addresses that stay within an organisation or a link. */
const privateRanges = new BlockList();
for (const [network, prefix] of [
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const) {
  privateRanges.addSubnet(network, prefix, "ipv4");
}
privateRanges.addSubnet("fc00::", 7, "ipv6");
privateRanges.addSubnet("fe80::", 10, "ipv6");

/** Addresses that nothing can listen on: multicast, reserved and broadcast. */
const unusable = new BlockList();
unusable.addSubnet("224.0.0.0", 3, "ipv4");
unusable.addSubnet("ff00::", 8, "ipv6");

const MAPPED = "This is an IPv4 address written as an IPv6 address.";
const isMapped = (address: string) => address.startsWith("::ffff:");

const family = (address: string) => (isIPv4(address) ? "ipv4" : "ipv6");

/** Whether the address means every address of the machine. */
export function isUnspecified(address: string | undefined): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** The address at which this machine itself reaches a listener of its own. */
export function callableAt(address: string): string {
  return address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;
}

/** An address and a port, as in a URL. */
export function endpointText({ address, port }: Endpoint): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** Whether the canonical address is in 127.0.0.0/8 or is ::1. */
export function isLoopback(address: string): boolean {
  return (isIPv4(address) && address.startsWith("127.")) || address === "::1";
}

/** The one spelling of an IP address, so that equal addresses are equal text. Undefined for other text. */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) {
    return text;
  }
  // A zone (fe80::1%eth0) names an interface of one machine, and is not part of an address here.
  return isIPv6(text) && !text.includes("%")
    ? new SocketAddress({ address: text, family: "ipv6" }).address
    : undefined;
}

/** `192.0.2.10:6000` or `[::]:6000`: an address of the Docker host, and a port. */
export function parseEndpoint(raw: unknown): Endpoint | Fault {
  const [, bracketed, bare, portText = ""] =
    (typeof raw === "string" && /^(?:\[([^[\]]*)\]|([^:]*)):([^:]*)$/.exec(raw)) || [];
  const host = canonicalAddress(bracketed ?? bare ?? "");
  const { data: port } = PORT.safeParse(portText);
  if (host === undefined || isIPv6(host) !== (bracketed !== undefined) || port === undefined) {
    return new Fault(
      "Allowed: an IP address, in brackets if it is an IPv6 one, and a port.",
      "Write, for example, 127.0.0.1:6000 or [::1]:6000.",
    );
  }
  const address = parseListenAddress(host);
  return address instanceof Fault ? address : { address, port };
}

/** `127.0.0.1:5012` or `[::1]:5012`: an endpoint that only this machine can reach. */
export function parseLoopbackEndpoint(raw: unknown): Endpoint | Fault {
  if (typeof raw !== "string") {
    return new Fault(LOOPBACK, EXAMPLE);
  }
  if (isIP(raw.replace(/^\[|\]$/g, "")) !== 0) {
    return new Fault(
      `The port is missing, or an IPv6 address lacks its brackets. ${LOOPBACK}`,
      EXAMPLE,
    );
  }
  const [, bracketed, bare, portText = ""] = /^(?:\[([^[\]]*)\]|([^:]*)):([^:]*)$/.exec(raw) ?? [];
  const host = bracketed ?? bare;
  if (host === undefined) {
    return new Fault(`This is not an address and a port. ${LOOPBACK}`, EXAMPLE);
  }
  const hostFault = notLoopback(host, bracketed !== undefined);
  const { data: port } = PORT.safeParse(portText);
  if (hostFault !== undefined || port === undefined) {
    const reasons = [
      ...(hostFault === undefined ? [] : [hostFault]),
      ...(port === undefined ? ["The port is not a whole number from 1 to 65535."] : []),
    ];
    return new Fault([...reasons, LOOPBACK].join(" "), EXAMPLE);
  }
  return { address: canonicalAddress(host) ?? host, port };
}

/** Why the host of an endpoint is not a loopback address. */
function notLoopback(host: string, bracketed: boolean): string | undefined {
  const address = canonicalAddress(host);
  if (host === "" || host === "*" || isUnspecified(address)) {
    return "This means every address of the machine, so the service would be open to the network.";
  }
  if (address === undefined || isIPv6(address) !== bracketed) {
    return /^[\d.]*$|[:%]|^0x/i.test(host)
      ? "This is not a well-formed IP address."
      : "A host name can come to mean another address, so it does not count as loopback.";
  }
  if (isLoopback(address)) {
    return undefined;
  }
  if (isMapped(address)) {
    return MAPPED;
  }
  return privateRanges.check(address, family(address))
    ? "This address can be reached from the local network."
    : "This address is not limited to this machine: it may be reached from anywhere.";
}

/** An IP address that the proxy listens on. It may be public, or mean every address (0.0.0.0, ::). */
export function parseListenAddress(raw: unknown): string | Fault {
  const allowed = "Allowed: an IP address of the Docker host, without a port.";
  const example =
    "Write, for example, 192.0.2.10, 2001:db8::10, or 0.0.0.0 for every IPv4 address.";
  const address = typeof raw === "string" ? canonicalAddress(raw) : undefined;
  if (address === undefined) {
    return new Fault(allowed, example);
  }
  if (unusable.check(address, family(address))) {
    return new Fault(
      `Nothing can listen on a multicast, reserved or broadcast address. ${allowed}`,
      example,
    );
  }
  if (isMapped(address)) {
    return new Fault(`${MAPPED} ${allowed}`, example);
  }
  return address;
}
