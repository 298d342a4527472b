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
  /** An IP address to call instead of the name's own. The certificate must still have the name. */
  readonly connectTo?: string;
}

/** Nothing answers at the address that the name has on this machine. */
export class NoConnection extends UserError {}

/** The certificate is not for the name that was called. */
export class WrongName extends UserError {}

/**
 * Maps names to other addresses for these checks, as JSON: a rehearsal has the real server name, but
 * listens elsewhere.
 */
const HOSTS = "CYBEXP_REHEARSAL_HOSTS";

/**
 * Sends one GET over verified TLS.
 *
 * @throws UserError when there is no answer: says whether name resolution, connection or TLS failed
 */
export function ask(question: Question): Promise<Reply> {
  const { url, ca, credential, client } = question;
  const { host, hostname } = new URL(url);
  const name = hostname.replace(/^\[(.*)\]$/, "$1");
  const address = question.connectTo ?? rehearsed(name);
  /** If the URL has an address, no name is looked up, and none is sent in the handshake. */
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

/** Where a name leads in a rehearsal; undefined outside of one. */
export function rehearsed(name: string): string | undefined {
  const hosts = JSON.parse(process.env[HOSTS] ?? "{}") as Readonly<Record<string, string>>;
  return hosts[name];
}

/** Resolves every name to this address. */
function always(address: string): LookupFunction {
  const family = isIPv6(address) ? 6 : 4;
  return (_name, { all }, answer) =>
    all ? answer(null, [{ address, family }]) : answer(null, address, family);
}

/** Why there is no answer, according to Node's error code. */
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
      `TLS: ${url.host} presents a certificate that serverCa does not vouch for (${code})`,
    );
  }
  return new UserError(`connection: ${url.host} closed the connection (${code || error.name})`);
}
