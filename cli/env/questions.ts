/** The questions about a new environment, each with its flag, default and check. */
import { valueAt } from "../../settings/path.ts";
import { isPulumiCloud } from "../../settings/state.ts";
import { backend, EMBEDDED, names, someNames, yesNo } from "./parsers.ts";
import { freePort, holderOf } from "./ports.ts";
import { isProduction, type Question, type Values } from "./question.ts";

const image = (section: string, text: string, demo: string): Question => ({
  flag: `${section}-image`,
  paths: [[section, "image"]],
  text: `The image of ${text}`,
  fallback: (values) => (isProduction(values) ? undefined : demo),
});

/** A port that is asked for only if another environment has the usual one. */
function port(section: string, key: "listen" | "bind", usual: number, text: string): Question {
  const wanted = (values: Values) => ({
    port: usual,
    address: key === "bind" ? "127.0.0.1" : String(valueAt(values, ["proxy", "address"])),
  });
  return {
    flag: `${section}-${key}`,
    paths: [[section, key]],
    text,
    asked: (values, taken) => holderOf(wanted(values), taken) !== undefined,
    hint: (values, taken) => ` (${usual} is used in ${holderOf(wanted(values), taken)})`,
    fallback: (values, taken) => {
      const free = freePort(wanted(values), taken);
      return key === "bind" ? `127.0.0.1:${free}` : String(free);
    },
  };
}

const hasClients = (values: Values) => valueAt(values, ["clients", 0]) !== undefined;
const stateUrl = (values: Values) => valueAt(values, ["state", "backend"]);

/** In the order of asking. A default may depend on earlier answers. */
export const questions: readonly Question[] = [
  {
    flag: "production",
    paths: [["production"]],
    text: "Does it serve real data (a production stack)?",
    fallback: () => "yes",
    parse: yesNo,
  },
  {
    flag: "throwaway",
    paths: [["throwaway"]],
    text: "May `npm run down` remove its data?",
    asked: (values) => !isProduction(values),
    fallback: () => "no",
    parse: yesNo,
  },
  {
    flag: "server-name",
    paths: [["proxy", "serverName"]],
    text: "The name that clients call",
    fallback: (values) => (isProduction(values) ? undefined : "localhost"),
  },
  {
    flag: "address",
    paths: [["proxy", "address"]],
    text: "The Docker host's address in the network of those clients (0.0.0.0: all addresses)",
    fallback: (values) => (isProduction(values) ? undefined : "127.0.0.1"),
  },
  image("kms", "your cybexp-kms-priv", "cybexp-demo/kms:1"),
  image("backend", "your cybexp-priv-backend", "cybexp-demo/backend:1"),
  image("database", "both databases (MongoDB)", "cybexp-demo/mongo:1"),
  image("proxy", "the proxy (Nginx)", "cybexp-demo/nginx:1"),
  port("kms", "listen", 5002, "The proxy's port for the KMS"),
  port("backend", "listen", 5001, "The proxy's port for the Backend"),
  port("kms", "bind", 5012, "Where the operator reaches the KMS itself"),
  port("backend", "bind", 5011, "Where the operator reaches the Backend itself"),
  {
    flag: "user",
    paths: [["users"]],
    text: "User names, one for each program or person that calls",
    fallback: () => "collector, analyst",
    parse: someNames,
  },
  {
    flag: "client",
    paths: [["clients"]],
    text: "Who gets a client certificate (Enter for nobody)",
    fallback: () => "",
    parse: names,
  },
  {
    flag: "access",
    paths: [
      ["kms", "access"],
      ["backend", "access"],
    ],
    text: "What lets a caller in at both services: password, certificate, either or both",
    asked: hasClients,
    fallback: (values) => (hasClients(values) ? "either" : "password"),
  },
  {
    flag: "backend",
    paths: [["state", "backend"]],
    text: "Where the state is kept: s3://bucket?region=..., gs://, azblob://, file:///path, https://api.pulumi.com",
    fallback: (values) => (isProduction(values) ? undefined : EMBEDDED),
    parse: backend,
  },
  {
    flag: "secrets-provider",
    paths: [["state", "secretsProvider"]],
    text: "What encrypts the secrets in it: passphrase, or a key (awskms://, gcpkms://, azurekeyvault://, hashivault://)",
    asked: (values) => stateUrl(values) !== undefined,
    fallback: (values) => {
      const url = stateUrl(values);
      if (typeof url !== "string") {
        return undefined;
      }
      return isPulumiCloud(url) ? "default" : "passphrase";
    },
  },
];
