// Loaded into each Node of a rehearsal (NODE_OPTIONS): the names that a real stack's callers know lead
// to where the rehearsal listens. CYBEXP_REHEARSAL_HOSTS has them as JSON, name to address.
import dns from "node:dns";

/** @type {Record<string, string>} */
const addresses = JSON.parse(process.env["CYBEXP_REHEARSAL_HOSTS"] ?? "{}");
const lookup = dns.lookup;

// @ts-expect-error -- the overloads of `lookup` can't be told in one signature
dns.lookup = (name, ...rest) => lookup(addresses[name] ?? name, ...rest);
