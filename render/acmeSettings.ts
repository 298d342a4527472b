import type { Settings } from "../settings/types.ts";
import type { AcmeChallenge, AcmeInput, AcmeServer } from "./acmeInput.ts";

type AcmeSettings = NonNullable<Settings["certificates"]["acme"]>;

/** What the container that renews certificates is told, from the stack's config. */
export function acmeInput(settings: AcmeSettings, servers: readonly AcmeServer[]): AcmeInput {
  const { directory, directoryCa, email, eab, profile } = settings;
  return {
    directory,
    ...(directoryCa !== undefined && { authorities: directoryCa }),
    ...(email !== undefined && { email }),
    ...(eab && { externalAccount: eab }),
    // Another kind of certificate than the one that is asked for may have another lifetime, or other uses.
    ...(profile !== undefined && { profile: { name: profile, required: true } }),
    challenge: challengeOf(settings),
    servers,
  };
}

function challengeOf({ challenge, dns = {} }: AcmeSettings): AcmeChallenge {
  const { plugin, setRecord, removeRecord, credentials, propagationSeconds } = dns;
  const secret = credentials === undefined ? {} : { credentials };
  if (challenge === "http") {
    return { kind: "http" };
  }
  if (setRecord !== undefined) {
    return {
      kind: "hook",
      setRecord,
      ...(removeRecord !== undefined && { removeRecord }),
      ...secret,
    };
  }
  if (plugin === undefined) {
    throw new RangeError("the DNS challenge takes a plugin, or a program that sets the record");
  }
  return {
    kind: "plugin",
    plugin: `dns-${plugin}`,
    ...(propagationSeconds !== undefined && { propagation: propagationSeconds }),
    ...secret,
  };
}
