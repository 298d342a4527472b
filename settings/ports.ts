/** TCP ports. */
import { Fault } from "./fault.ts";

const ALLOWED = "Allowed: a port, a whole number from 1 to 65535.";

/** A TCP port; `pulumi config set --path` may give it as text. */
export function parsePort(raw: unknown): number | Fault {
  const port = typeof raw === "string" && /^[1-9]\d{0,4}$/.test(raw) ? Number(raw) : raw;
  if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65535) {
    return new Fault(ALLOWED, "Write such a number, for example 5002.");
  }
  return port;
}
