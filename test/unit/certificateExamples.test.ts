/** Every config in docs/certificates.md can be pasted: it is taken as it stands, with the secrets set that are set there. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { readSettings } from "../../settings/read.ts";
import { AUTHORITY, file, make, read, server } from "../authority.ts";

type Values = Record<string, unknown>;

const NAMES = server("DNS:cybexp.example.edu");
make("company-root", { extensions: AUTHORITY });
make("issuing", { by: "company-root", extensions: AUTHORITY });
make("server", { by: "issuing", extensions: NAMES });
make("server-rsa", { by: "company-root", key: ["-newkey", "rsa:2048"], extensions: NAMES });
writeFileSync(file("server.pem"), read("server.pem") + read("issuing.pem"));

/** What a shell's line there sets, by the end of the path. */
const SECRETS: Readonly<Record<string, string>> = {
  "supplied[0].privateKey": read("server.key"),
  "supplied[1].privateKey": read("server-rsa.key"),
  "acme.dns.credentials": "dns_rfc2136_server = 192.0.2.1\n",
  "acme.eab.hmacKey": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W",
};

/** A stack without any certificates of its own. */
const BASE: Values = {
  kms: { image: "kms:1", bind: "127.0.0.1:5012", listen: 5002 },
  backend: { image: "backend:1", bind: "127.0.0.1:5011", listen: 5001 },
  database: { image: "mongo:8.0" },
  proxy: { image: "nginx:1.30.4", serverName: "cybexp.example.edu", address: "192.0.2.10" },
  users: [{ name: "collector" }],
};

interface Example {
  readonly title: string;
  readonly yaml: string;
  /** The commands that follow it, up to the next example. */
  readonly commands: string;
}

function examplesIn(page: string): Example[] {
  const blocks = [...page.matchAll(/^(#+ [^\n]*)$|^```(yaml|sh)\n(.*?)^```$/gms)];
  return blocks.flatMap(([, , kind, text = ""], index) => {
    if (kind !== "yaml") {
      return [];
    }
    const title = blocks.slice(0, index).findLast(([, heading]) => heading !== undefined)?.[1];
    const after = blocks.slice(index + 1);
    const next = after.findIndex(([, heading, other]) => heading ?? other === "yaml");
    const commands = after.slice(0, next < 0 ? undefined : next).map(([, , , command]) => command);
    const line = page.slice(0, blocks[index]?.index).split("\n").length;
    return {
      title: `${title?.replace(/^#+ /, "")}, line ${line}`,
      yaml: text,
      commands: commands.join(""),
    };
  });
}

const isMap = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Maps in each other, anything else replaced. */
const merged = (below: unknown, above: unknown): unknown =>
  isMap(below) && isMap(above)
    ? Object.fromEntries(
        [...new Set([...Object.keys(below), ...Object.keys(above)])].map((key) => [
          key,
          key in above ? merged(below[key], above[key]) : below[key],
        ]),
      )
    : above;

function valuesOf({ yaml, commands }: Example): Values {
  const here = yaml.replace(/\b(company-root|server|server-rsa)\.pem\b/g, (name) => file(name));
  const parsed = parse(here) as Values;
  const source = "supplied" in parsed ? "supplied" : "acme";
  const whole = Object.keys(parsed).some((key) => key.startsWith("cybexp:"));
  const given = whole
    ? Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key.slice(7), value]))
    : // A part of the example before it.
      { certificates: { source, authorities: file("company-root.pem"), ...parsed } };
  const acme = { image: "certbot/certbot:v5.8.0", email: "security@example.edu" };
  const isAcme = (given["certificates"] as Values)["source"] === "acme";
  const values = merged(merged(BASE, isAcme ? { certificates: { acme } } : {}), given) as Values;
  for (const [, path = ""] of commands.matchAll(/'cybexp:certificates\.([^']+)'/g)) {
    const secret = SECRETS[path];
    assert.ok(secret !== undefined, path);
    const keys = path.split(/[.[\]]+/).filter(Boolean);
    const last = keys.pop() ?? "";
    const holder = keys.reduce<unknown>(
      (value, key) => (value as Values)[key],
      values["certificates"],
    ) as Values;
    holder[last] = secret;
  }
  return values;
}

describe("the page on certificates", () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/certificates.md"), "utf8");
  const examples = examplesIn(page);

  it("has one for each source", () => {
    const sources = examples.flatMap(({ yaml }) => /^ {2}source: (\w+)/m.exec(yaml)?.[1] ?? []);
    assert.deepEqual([...new Set(sources)].sort(), ["acme", "generated", "supplied"]);
  });

  for (const example of examples) {
    it(`has a config that is taken: ${example.title}`, () => {
      const values = valuesOf(example);
      const { certificates } = readSettings({
        stack: "prod",
        values,
        secretKeys: new Set(["certificates"]),
      });
      assert.equal(
        certificates.source,
        (values["certificates"] as Values)["source"] ?? "generated",
      );
    });
  }
});
