/** What an operator should know before an `up` although nothing is wrong, such as old secrets still valid. */
import { KAPOW } from "../names/docker.ts";
import { isUnspecified } from "./addresses.ts";
import { doorsOf } from "./listeners.ts";
import { overlaps } from "./overlaps.ts";
import { formatPath } from "./path.ts";
import { isRenewed } from "./renewedServers.ts";
import { certifiedNames, suppliedNotes } from "./suppliedCertificates.ts";
import type { Settings } from "./types.ts";

export interface Notice {
  /** Whether it is time to act. Otherwise it is for information only. */
  readonly due: boolean;
  readonly text: string;
}

/**
 * The overlaps of old and new secrets that the settings keep open, and doors that may surprise.
 *
 * @param today In the form 2026-12-31.
 */
export function notices(settings: Settings, today: string): Notice[] {
  const { rotation, users, clients } = settings;
  const lasting = [
    ...users.map(({ name, generation, retired, retireBy }) => ({
      what: `the previous password of ${name} (generation ${generation - 1})`,
      how: `set retired: ${generation - 1} for that user`,
      open: overlaps(generation, retired),
      retireBy,
    })),
    {
      what: `the previous server CA (number ${rotation.serverCa - 1})`,
      how: `set cybexp:rotation.serverCaRetired to ${rotation.serverCa - 1} once all clients have the new serverCa`,
      open: overlaps(rotation.serverCa, rotation.serverCaRetired),
      retireBy: rotation.serverCaRetireBy,
    },
    // A revoked client's previous certificate is refused as well.
    ...clients
      .filter(({ revoked }) => !revoked)
      .map(({ name, generation, retired, retireBy }) => ({
        what: `the previous certificate of ${name} (generation ${generation - 1})`,
        how: `set retired: ${generation - 1} for that client`,
        open: overlaps(generation, retired),
        retireBy,
      })),
    {
      what: `the previous client CA (number ${rotation.clientCa - 1})`,
      how: `set cybexp:rotation.clientCaRetired to ${rotation.clientCa - 1} once all clients have their new certificates`,
      open: overlaps(rotation.clientCa, rotation.clientCaRetired),
      retireBy: rotation.clientCaRetireBy,
    },
  ]
    .filter(({ open }) => open)
    .map(({ what, how, retireBy }) => {
      const due = retireBy !== undefined && retireBy <= today;
      const since = due ? `, although it should be retired by ${retireBy}` : "";
      return { due, text: `${what} is still valid${since}: to retire it, ${how}` };
    });
  return [
    ...lasting,
    ...closedDoors(settings),
    ...revokedAtKapow(settings),
    ...provenElsewhere(settings),
    ...suppliedNotes(settings, new Date(today)).map((text) => ({ due: false, text })),
  ];
}

/** On its own port, Kapow! checks only which authority signed a certificate. */
function revokedAtKapow({ kapow, clients }: Settings): Notice[] {
  const revoked = clients.filter((client) => client.revoked).map(({ name }) => name);
  return kapow?.listen === undefined || revoked.length === 0
    ? []
    : [
        {
          due: false,
          text: `Kapow! knows no revocation: on its own port it still accepts the certificates of ${revoked.join(", ")} from before the last change of cybexp:rotation.clientCaRetired (docs/kapow.md)`,
        },
      ];
}

/**
 * What proves Kapow!'s names by HTTP is at the proxy's address. No DNS is asked whether they lead there; where a router
 * forwards port 80, it may forward Kapow!'s port elsewhere.
 */
function provenElsewhere(settings: Settings): Notice[] {
  const { proxy, kapow, certificates } = settings;
  const { address } = kapow ?? {};
  return address === undefined ||
    !isRenewed(settings, "kapow") ||
    certificates.acme?.challenge !== "http" ||
    certificates.acme.httpPort !== 80 ||
    [proxy.address, address].some(isUnspecified) ||
    address === proxy.address
    ? []
    : [
        {
          due: false,
          text: `the certificate authority looks for ${certifiedNames(settings, "kapow").join(", ")} at port 80 of cybexp:proxy.address (${proxy.address}), and Kapow! listens at cybexp:kapow.address (${address}): if a name leads to one only, set both to the same address, or certificates.acme.challenge to dns`,
        },
      ];
}

/** Doors that let nobody in, which may be intended after a revocation. */
function closedDoors(settings: Settings): Notice[] {
  const anyClient = settings.clients.some(({ revoked }) => !revoked);
  return doorsOf(settings)
    .filter(({ access }) => !anyClient && (access === "certificate" || access === "both"))
    .map(({ name, path, access }) => ({
      due: true,
      text: `nobody can call ${name === KAPOW ? "Kapow! through the proxy" : `the ${name}`}: ${formatPath(path)}.access is ${access}, but cybexp:clients has no client that is not revoked`,
    }));
}
