/** When the certificates end that callers are shown. */
import { isIP } from "node:net";
import { connect } from "node:tls";
import { KAPOW, PROXY } from "../../names/docker.ts";
import { callableAt } from "../../settings/addresses.ts";
import { spelled } from "../../render/certificateEnds.ts";
import { urlHost } from "../../render/serverNames.ts";
import { addressOf, type Outside } from "./outside.ts";
import { isLocal } from "../docker/engine.ts";
import { rehearsed } from "./probe.ts";

/** A server's certificate as somebody is shown it who calls from here. */
export interface Served {
  /** What shows it: as in the output `certificates`. */
  readonly name: string;
  /** As it was called, `host:port`. */
  readonly listener: string;
  readonly notAfter: string;
  readonly lifetimeDays: number;
}

interface Target {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Where it listens, if the name leads nowhere from here. */
  readonly address: string | undefined;
}

const PATIENCE_MS = 10_000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** What each TLS listener of a deployment shows; those that don't answer are left out. */
export async function servedCertificates(
  input: Outside,
  kapowName: string | undefined,
): Promise<Served[]> {
  const shown = await Promise.all(targetsOf(input, kapowName).map(shownAt));
  return shown.filter((one) => one !== undefined);
}

function targetsOf(input: Outside, kapowName: string | undefined): Target[] {
  const { serverName, doors, listeners, dockerHost } = input;
  return [
    ...doors.map(({ port }) => ({
      name: PROXY,
      host: serverName,
      port,
      address: addressOf(input, port),
    })),
    ...listeners
      .filter(({ role }) => role === KAPOW && kapowName !== undefined)
      .map(({ address, port }) => ({
        name: KAPOW,
        host: kapowName ?? "",
        port,
        address: isLocal(dockerHost) ? callableAt(address) : undefined,
      })),
  ];
}

async function shownAt(target: Target): Promise<Served | undefined> {
  const { name, host, port, address } = target;
  const found =
    (await handshake(host, port, rehearsed(host) ?? host)) ??
    (address === undefined ? undefined : await handshake(host, port, address));
  return (
    found && {
      name,
      listener: `${urlHost(host)}:${port}`,
      notAfter: spelled(found.end),
      lifetimeDays: (found.end.getTime() - found.start.getTime()) / DAY_MS,
    }
  );
}

/** Nothing is sent and nothing is trusted: one that has ended is what is looked for. */
function handshake(
  servername: string,
  port: number,
  host: string,
): Promise<{ readonly start: Date; readonly end: Date } | undefined> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      rejectUnauthorized: false,
      timeout: PATIENCE_MS,
      ...(isIP(servername) === 0 && { servername }),
    });
    const settle = () => {
      const shown = socket.getPeerX509Certificate();
      socket.destroy();
      resolve(shown && { start: new Date(shown.validFrom), end: new Date(shown.validTo) });
    };
    socket.on("secureConnect", settle);
    socket.on("timeout", settle);
    socket.on("error", settle);
  });
}
