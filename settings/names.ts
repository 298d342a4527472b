/** Names of hosts and of users. */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { canonicalAddress, isUnspecified } from "./addresses.ts";
import { Fault } from "./fault.ts";

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** A host name (RFC 1123) in lower case: what clients ask for, and what the certificate names. */
export function parseHostName(raw: unknown): string | Fault {
  const allowed = "Allowed: a host name of letters, digits, hyphens and dots (RFC 1123).";
  const example = "Write the name that clients use, for example cybexp.example.edu.";
  if (typeof raw !== "string") {
    return new Fault(allowed, example);
  }
  if (isIP(raw.replace(/^\[|\]$/g, "")) !== 0) {
    return new Fault(
      "An IP address can't be used here: clients name the server by SNI, which carries no IP addresses (RFC 6066).",
      example,
    );
  }
  if (raw.endsWith(".") && isHostName(raw.slice(0, -1))) {
    return new Fault(
      `A certificate names a host without the final dot. ${allowed}`,
      "Leave the final dot out.",
    );
  }
  if (isHostName(raw)) {
    return raw.toLowerCase();
  }
  const ascii = raw.length <= 253 && /[^\0-\x7f]/.test(raw) ? domainToASCII(raw) : "";
  return isHostName(ascii)
    ? new Fault(`Letters outside ASCII must be encoded. ${allowed}`, `Write ${ascii}.`)
    : new Fault(allowed, example);
}

/**
 * Another name that a door answers to: a host name, `*.` and a host name of at least two labels, or an IP
 * address in its one spelling.
 */
export function parseServerName(raw: unknown): string | Fault {
  const allowed =
    "Allowed: a host name (RFC 1123), a wildcard for its first label, or an IP address.";
  const example =
    "Write, for example, kms.example.edu, *.cybexp.example.edu, 192.0.2.10 or 2001:db8::10.";
  if (typeof raw !== "string") {
    return new Fault(allowed, example);
  }
  const address = canonicalAddress(raw.replace(/^\[(.*)\]$/, "$1"));
  if (address !== undefined) {
    return isUnspecified(address)
      ? new Fault(
          `This means every address of a machine, which nobody can call. ${allowed}`,
          example,
        )
      : address;
  }
  if (!raw.includes("*")) {
    const name = parseHostName(raw);
    return name instanceof Fault ? new Fault(allowed, example) : name;
  }
  const [, rest = ""] = /^\*\.([^*]*)$/.exec(raw) ?? [];
  return rest.includes(".") && isHostName(rest)
    ? raw.toLowerCase()
    : new Fault(
        `A wildcard must be the whole first label, with at least two labels after it. ${allowed}`,
        example,
      );
}

function isHostName(text: string): boolean {
  const labels = text.split(".");
  // A last label of only digits would be read as part of an IP address.
  return (
    text.length <= 253 &&
    labels.every((label) => LABEL.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? "")
  );
}

const LONGEST_USER = 64;

/** A user's name as a client sends it in HTTP basic authentication. */
export function parseUserName(raw: unknown): string | Fault {
  const allowed = `Allowed: 1 to ${LONGEST_USER} letters, digits and . _ @ -, starting with a letter or digit.`;
  const example = "Write another name, for example collector.";
  if (typeof raw !== "string") {
    return new Fault(allowed, example);
  }
  const reason = oddName(raw);
  if (reason !== undefined) {
    // What follows a colon may be a password, as in a line of a password file.
    const shown = raw.includes(":") ? `${raw.slice(0, raw.indexOf(":"))}:...` : undefined;
    return new Fault([...(reason === "" ? [] : [reason]), allowed].join(" "), example, shown);
  }
  return raw;
}

/** Why it is not a user name: a reason, or "" if the rule says it all. Undefined for a user name. */
function oddName(name: string): string | undefined {
  if (name === "") {
    return "The name is empty.";
  }
  if (name.includes(":")) {
    return "A colon ends the name in HTTP basic authentication.";
  }
  if (/\p{Cc}/u.test(name)) {
    return "The name contains a control character.";
  }
  if (name.trim() !== name) {
    return "The name starts or ends with a space.";
  }
  if (name.length > LONGEST_USER) {
    return `The name has ${name.length} characters.`;
  }
  return /^[A-Za-z0-9][A-Za-z0-9._@-]*$/.test(name) ? undefined : "";
}
