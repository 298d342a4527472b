import { isIPv6 } from "node:net";
import { containerRule } from "../pack/declared.ts";
import { objectsOf, textOf, UNKNOWN } from "../pack/unknown.ts";

/** Ports are published on the host's loopback only; whoever serves the network is an exception. */
export const loopbackPorts = containerRule({
  name: "loopback-ports",
  description: "Containers publish their ports on a loopback address of the host.",
  reason:
    "Docker publishes a port past the host's firewall, on every address if none is given " +
    "(CIS Docker 5.14).",
  check: ({ publishesAllPorts }, _settings, { ports }) => [
    ...objectsOf(ports)
      .filter(({ ip }) => ip !== UNKNOWN && !isLoopback(textOf(ip)))
      .map(
        (port) =>
          `it publishes its port ${shown(port["internal"])} to the network, at ` +
          `${address(textOf(port["ip"]))} port ${shown(port["external"])}: set ip to 127.0.0.1 or ::1, ` +
          `or publish it through the proxy`,
      ),
    ...(publishesAllPorts === true
      ? [
          "it publishes every port of its image to the network: name the ports instead of publishAllPorts",
        ]
      : []),
  ],
});

/** An address of 127.0.0.0/8, or ::1; a host name is none, whatever it stands for. */
export function isLoopback(ip: string): boolean {
  return /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(ip) || (isIPv6(ip) && /^(0*:)+0*1$/.test(ip));
}

const shown = (port: unknown) =>
  typeof port === "number" ? String(port) : "that is not known yet";
const address = (ip: string) => (ip === "" ? "every address," : ip);
