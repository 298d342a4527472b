import { request } from "node:https";
import { isIP, isIPv6, type LookupFunction } from "node:net";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { UserError } from "../errors.ts";

export interface Reply {
  readonly status: number;
  readonly body: string;
}

export interface Question {
  readonly url: string;
  /** The only certificate authority to trust, PEM. */
  readonly ca: string;
  readonly credential?: { readonly user: string; readonly password: string };
  /** A certificate to present if the server asks for one, and its key, PEM. */
  readonly client?: { readonly certificate: string; readonly privateKey: string };
  /** An IP address to call in place of the name's own. The certificate still has to have the name. */
  readonly connectTo?: string;
}

/** Nobody answers at the address that the name has from here. */
export class NoConnection extends UserError {}

/** The certificate is not for the name that was called. */
export class WrongName extends UserError {}

/**
 * Names that have another address for these checks, as JSON, name to address: a rehearsal has the real
 * server name, and listens elsewhere.
 */
const HOSTS = "CYBEXP_REHEARSAL_HOSTS";

/**
 * One GET over verified TLS.
 *
 * @throws UserError When there is no answer at all: which of name resolution, connection and TLS it is.
 */
export function ask(question: Question): Promise<Reply> {
  const { url, ca, credential, client } = question;
  const { host, hostname } = new URL(url);
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const address = question.connectTo ?? rehearsed(name);
  /** No name is looked up where the URL has an address, and none is said in the handshake. */
  const at = (address: string) => ({
    hostname: address,
    servername: "",
    headers: { Host: host },
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      checkServerIdentity(name, certificate),
  });
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => reject(noAnswer(new URL(url), error));
    const outgoing = request(url, {
      ca,
      agent: false,
      timeout: 15_000,
      ...(address !== undefined && (isIP(name) === 0 ? { lookup: always(address) } : at(address))),
      ...(credential && { auth: `${credential.user}:${credential.password}` }),
      ...(client && { cert: client.certificate, key: client.privateKey }),
    });
    outgoing.on("response", (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      response.on("error", fail);
    });
    outgoing.on("timeout", () =>
      outgoing.destroy(Object.assign(new Error(), { code: "ETIMEDOUT" })),
    );
    outgoing.on("error", fail);
    outgoing.end();
  });
}

function rehearsed(name: string): string | undefined {
  const hosts = JSON.parse(process.env[HOSTS] ?? "{}") as Readonly<Record<string, string>>;
  return hosts[name];
}

/** As if every name had this address. */
function always(address: string): LookupFunction {
  const family = isIPv6(address) ? 6 : 4;
  return (_name, { all }, answer) =>
    all ? answer(null, [{ address, family }]) : answer(null, address, family);
}

/** What keeps an answer away, by the code that Node gives the error. */
function noAnswer(url: URL, error: NodeJS.ErrnoException): UserError {
  const code = error.code ?? "";
  if (/^E(NOTFOUND|AI_AGAIN)$/.test(code)) {
    return new UserError(
      `name resolution: ${url.hostname} has no address here; add it to the DNS or to /etc/hosts`,
    );
  }
  if (code === "ECONNREFUSED") {
    return new NoConnection(
      `connection: nothing listens at ${url.host}; does ${url.hostname} resolve to the proxy's address?`,
    );
  }
  if (/^E(TIMEDOUT|HOSTUNREACH|NETUNREACH)$/.test(code)) {
    return new NoConnection(`connection: no answer from ${url.host}; is a firewall in between?`);
  }
  if (/CERT|TLS|SSL|SIGNATURE|ALTNAME|^EPROTO/.test(code)) {
    return new (code === "ERR_TLS_CERT_ALTNAME_INVALID" ? WrongName : UserError)(
      `TLS: ${url.host} shows no certificate that serverCa vouches for (${code})`,
    );
  }
  return new UserError(`connection: ${url.host} broke off (${code || error.name})`);
}
