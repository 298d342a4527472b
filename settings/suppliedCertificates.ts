/** Which server shows which supplied certificate, and what is wrong with the list of them. */
import { Fault, type Finding, finding } from "./fault.ts";
import { formatPath, type Path } from "./path.ts";
import {
  judgeCertificate,
  type JudgedCertificate,
  keyKindIn,
  nameOf,
  pemOf,
  readCertificates,
} from "./suppliedCertificate.ts";
import { rootsOf } from "./publicAuthorities.ts";
import type { PartialSettings, Settings } from "./types.ts";

/** A server that has a certificate. */
export type CertifiedServer = Settings["certificates"]["supplied"][number]["for"];

export type SuppliedEntry = Settings["certificates"]["supplied"][number];

type PartialEntry = NonNullable<PartialSettings["certificates"]>["supplied"];

/** The names that a server's certificate must have. */
export function certifiedNames(
  { proxy, kapow }: PartialSettings,
  server: CertifiedServer,
): string[] {
  const names =
    server === "proxy"
      ? [proxy?.serverName, ...(proxy?.serverNames ?? [])]
      : [kapow?.serverName ?? proxy?.serverName, ...(kapow?.serverNames ?? [])];
  return names.filter((name) => name !== undefined);
}

/** The entries for a server. Kapow! shows the proxy's certificate if it has none of its own. */
export function suppliedTo(settings: Settings, server: CertifiedServer): readonly SuppliedEntry[] {
  return settings.certificates.supplied.filter((entry) => entry.for === server);
}

/** Whether a server shows a supplied certificate, and no interim one. */
export function isSupplied(settings: Settings, server: CertifiedServer): boolean {
  return (
    settings.certificates.source === "supplied" &&
    suppliedTo(settings, server).some(({ certificate }) => certificate !== undefined)
  );
}

/** All that is wrong with the authorities and the supplied certificates, before anything is touched. */
export function suppliedFaults(settings: PartialSettings, now: Date): Finding[] {
  const { source, authorities, supplied = [] } = settings.certificates ?? {};
  const wrong = authorities === undefined ? undefined : authoritiesFault(authorities);
  if (wrong !== undefined) {
    return [{ path: ["certificates", "authorities"], fault: wrong }];
  }
  if (source !== "supplied") {
    return stapledToOthers(settings);
  }
  if (!supplied.some((entry) => entry?.for === "proxy")) {
    return [
      finding(
        LIST,
        "There is no certificate for the proxy, which `source: supplied` asks for.",
        "Add one with its private key; or add an empty entry, `- {}`, and the stack makes a key and a certificate request for your authority.",
      ),
    ];
  }
  return [
    ...supplied.flatMap((_, index) => faultsAt(settings, index, now)),
    ...kindsTwice(supplied),
    ...borrowed(settings, now),
    ...stapledInVain(settings, now),
  ];
}

function authoritiesFault(text: string): Fault | undefined {
  const found = readCertificates(text);
  if (found instanceof Fault) {
    return found;
  }
  const other = found.find(({ ca }) => !ca);
  return (
    other &&
    new Fault(
      `${nameOf(other.subject)} is not a certificate authority: callers can't trust others by it.`,
      "Give the root certificate that your authority publishes.",
    )
  );
}

const LIST = ["certificates", "supplied"] as const;

function faultsAt(settings: PartialSettings, index: number, now: Date): Finding[] {
  const path: Path = [...LIST, index];
  const entry = settings.certificates?.supplied?.[index];
  if (entry?.for === undefined) {
    return [];
  }
  if (entry.for === "kapow" && settings.kapow?.listen === undefined) {
    return [
      finding(
        [...path, "for"],
        "Kapow! has no port of its own (cybexp:kapow.listen), so nobody would see this certificate.",
        "Remove the entry, or set cybexp:kapow.listen.",
      ),
    ];
  }
  if (!("certificate" in entry)) {
    return "privateKey" in entry
      ? [
          finding(
            [...path, "certificate"],
            "There is a private key without its certificate.",
            "Add the certificate; or remove the key, and the stack makes one and a request to get signed.",
          ),
        ]
      : [];
  }
  const judged = judge(settings, index, certifiedNames(settings, entry.for), now);
  if (judged === undefined) {
    return [];
  }
  if (judged instanceof Fault) {
    return [{ path: [...path, isAboutKey(judged) ? "privateKey" : "certificate"], fault: judged }];
  }
  return "privateKey" in entry || judged.kind === entry.keyType?.toUpperCase()
    ? []
    : [
        finding(
          [...path, "keyType"],
          `The certificate has an ${judged.kind} key, and the stack's key for this entry is ${entry.keyType}.`,
          "Get the request from the output certificateRequests signed, or add the certificate's own private key.",
        ),
      ];
}

/** Whether a fault is one of the key alone. */
const isAboutKey = ({ reason }: Fault) => /^(The|This is not one) private key/.test(reason);

function judge(
  { certificates }: PartialSettings,
  index: number,
  names: readonly string[],
  now: Date,
): JudgedCertificate | Fault | undefined {
  const { certificate, privateKey } = certificates?.supplied?.[index] ?? {};
  return certificate === undefined
    ? undefined
    : judgeCertificate(
        { certificate, privateKey, authorities: certificates?.authorities },
        { names, now },
      );
}

/** Nginx takes one certificate of each kind. */
function kindsTwice(supplied: NonNullable<PartialEntry>): Finding[] {
  const kinds = supplied.map((entry) => entry && `${entry.for} ${kindOf(entry)}`);
  return kinds.flatMap((kind, index) => {
    const first = kinds.indexOf(kind);
    return kind === undefined || first === index
      ? []
      : [
          finding(
            [...LIST, index],
            `A server shows one RSA and one ECDSA certificate; ${formatPath([...LIST, first])} is of the same kind.`,
            "Remove one of the two, or say with `for` which server it is for.",
          ),
        ];
  });
}

/** RSA or ECDSA: the certificate's kind, or that of the key which the stack makes. */
const kindOf = ({ certificate, keyType }: NonNullable<NonNullable<PartialEntry>[number]>) =>
  (certificate === undefined ? undefined : keyKindIn(certificate)) ?? keyType?.toUpperCase();

/** Kapow! at a port of its own shows the proxy's certificate if there is none for it. */
function borrowed(settings: PartialSettings, now: Date): Finding[] {
  const { supplied = [] } = settings.certificates ?? {};
  if (settings.kapow?.listen === undefined || supplied.some((entry) => entry?.for === "kapow")) {
    return [];
  }
  const names = certifiedNames(settings, "kapow");
  const [index] = supplied.flatMap((entry, at) => (entry?.for === "proxy" ? [at] : []));
  const own = index === undefined ? undefined : judge(settings, index, [], now);
  const fits = index === undefined ? undefined : judge(settings, index, names, now);
  return own !== undefined && !(own instanceof Fault) && fits instanceof Fault
    ? [
        finding(
          LIST,
          `Kapow! would show the proxy's certificate, which is not for ${names.join(", ")}.`,
          "Add an entry with `for: kapow`, or have the proxy's certificate made for these names, too.",
        ),
      ]
    : [];
}

const STAPLING = ["certificates", "ocspStapling"] as const;

function stapledToOthers({ certificates }: PartialSettings): Finding[] {
  const { source, ocspStapling } = certificates ?? {};
  return ocspStapling === true && source !== undefined
    ? [
        finding(
          STAPLING,
          `OCSP answers are stapled to supplied certificates only, and certificates.source is ${source}.`,
          "Remove the key, or supply a certificate that offers OCSP.",
        ),
      ]
    : [];
}

/** A certificate that is not there yet, or has a fault of its own, may offer OCSP. */
function stapledInVain(settings: PartialSettings, now: Date): Finding[] {
  const { ocspStapling, supplied = [] } = settings.certificates ?? {};
  const offers = supplied.flatMap((entry, index) => {
    if (entry?.for !== "proxy") {
      return [];
    }
    const judged = judge(settings, index, [], now);
    return [judged === undefined || judged instanceof Fault || judged.ocsp];
  });
  return ocspStapling === true && !offers.includes(true)
    ? [
        finding(
          STAPLING,
          "There is nothing to staple: no certificate of the proxy's names an OCSP responder at http://.",
          "Remove the key, or ask your authority for a certificate that offers OCSP.",
        ),
      ]
    : [];
}

export interface SuppliedCircumstances {
  readonly names: readonly string[];
  readonly authorities?: string | undefined;
  readonly now: Date;
  /** Whether the issuer must be in the chain, even a root: Nginx needs it to ask for OCSP answers. @default false */
  readonly withIssuer?: boolean;
}

/** A certificate as its server shows it, with the key of those given that fits, or why there is none. */
export function suppliedPair(
  certificate: string,
  keys: readonly string[],
  { names, authorities, now, withIssuer = false }: SuppliedCircumstances,
): { readonly certificate: string; readonly privateKey: string } | Fault {
  const fitting = keys.find((key) => {
    const judged = judgeCertificate({ certificate, privateKey: key, authorities }, { names, now });
    return !(judged instanceof Fault && isAboutKey(judged));
  });
  if (fitting === undefined) {
    return new Fault(
      "The supplied certificate was not made from a request of this stack: none of its keys fits.",
      "Get a request of the output certificateRequests signed, or supply the certificate's private key, too.",
    );
  }
  const judged = judgeCertificate(
    { certificate, privateKey: fitting, authorities },
    { names, now },
  );
  return judged instanceof Fault
    ? judged
    : {
        certificate:
          withIssuer && isAlone(judged.chain) ? judged.chain + judged.authority : judged.chain,
        privateKey: fitting,
      };
}

/** What was put right in the supplied certificates, a sentence each. */
export function suppliedNotes(settings: Settings, now: Date): string[] {
  const { source, authorities, supplied } = settings.certificates;
  return (source === "supplied" ? supplied : []).flatMap(({ certificate }, index) => {
    const judged =
      certificate === undefined
        ? undefined
        : judgeCertificate({ certificate, authorities }, { names: [], now });
    return judged === undefined || judged instanceof Fault
      ? []
      : judged.notes.map((note) => `${formatPath([...LIST, index])}.certificate: ${note}`);
  });
}

/** Each of the authorities in a text, PEM; none where it is absent or can't be read. */
function authoritiesIn(text: string | undefined): string[] {
  const found = text === undefined ? [] : readCertificates(text);
  return found instanceof Fault ? [] : found.map(pemOf);
}

const isAlone = (chain: string) => chain.indexOf("-----BEGIN") === chain.lastIndexOf("-----BEGIN");

/**
 * What callers should trust besides the stack's own authority, PEM: the authorities of the config, those that
 * the supplied certificates lead to, and the known roots of an ACME directory. The last also while another source
 * is in use: they can be handed out before it is switched.
 */
export function furtherAuthorities(settings: Settings, now: Date): string[] {
  const { source, authorities, supplied, acme } = settings.certificates;
  const used = (source === "supplied" ? supplied : []).flatMap((entry) => {
    const judged =
      entry.certificate === undefined
        ? undefined
        : judgeCertificate(
            { certificate: entry.certificate, privateKey: entry.privateKey, authorities },
            { names: [], now },
          );
    return judged === undefined || judged instanceof Fault ? [] : [judged.authority];
  });
  const ofAcme = acme === undefined ? [] : rootsOf(acme.directory).flatMap(authoritiesIn);
  return [...new Set([...authoritiesIn(authorities), ...used, ...ofAcme])];
}
