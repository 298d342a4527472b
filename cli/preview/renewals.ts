/** Secrets that are replaced although no number was raised for them. */
import {
  authorityIn,
  certificateOf,
  generationIn,
  isPartOf,
  NAME,
  typeIn,
} from "../../names/resources.ts";
import {
  COMPONENT,
  LOCALLY_SIGNED_CERT,
  PRIVATE_KEY,
  RANDOM_PASSWORD,
  SELF_SIGNED_CERT,
} from "../../names/types.ts";
import type { Step } from "./events.ts";
import type { StackView } from "./stackView.ts";
import { enumerate } from "./words.ts";

/** Each string is a sentence without a full stop. */
export interface Renewals {
  readonly rotated: readonly string[];
  readonly lost: readonly string[];
}

/** Certificates that are renewed before they expire or signed again, and passwords that are replaced. */
export function renewalsOf(steps: readonly Step[], before: StackView, after: StackView): Renewals {
  const made = (type: string, nameOf: (name: string) => string | undefined, within?: string) =>
    steps
      .filter(({ op, urn }) => op === "replace" && typeIn(urn) === type)
      .filter(({ urn }) => within === undefined || isPartOf(within, urn))
      .flatMap(({ name }) => nameOf(name) ?? []);
  const client = (name: string) => generationIn(NAME.clients, name)?.member;
  const user = (name: string) => generationIn(NAME.users, name)?.member;
  const certificates = made(LOCALLY_SIGNED_CERT, client);
  const keys = made(
    PRIVATE_KEY,
    (name) => client(certificateOf(name) ?? ""),
    COMPONENT.clientCertificate,
  );
  const renewed = certificates.filter((name) => !keys.includes(name));
  const passwords = made(RANDOM_PASSWORD, user, COMPONENT.userList);
  const byNumber =
    before.numbers["serverCertificate"] !== after.numbers["serverCertificate"] ||
    before.numbers["serverCa"] !== after.numbers["serverCa"];
  const ofServer = made(LOCALLY_SIGNED_CERT, (name) =>
    [NAME.serverCertificate, NAME.kapowCertificate].find((own) => own === name),
  );
  const authorities = made(SELF_SIGNED_CERT, authorityIn, COMPONENT.rotatedAuthority);
  return {
    rotated: [
      ...told(renewed, "certificate", "renewed for the same key: hand over the new one"),
      ...(byNumber ? [] : ofServer.map((name) => `${name.replace("-", " ")}: renewed`)),
      ...authorities.map((which) => `${which} CA: renewed for the same key`),
    ],
    lost: [
      ...told(keys, "certificate", "replaced by one for another key: the present one is refused"),
      ...told(passwords, "password", "replaced by another: the present one is refused at once"),
    ],
  };
}

function told(names: readonly string[], secret: string, what: string): string[] {
  return names.length === 0
    ? []
    : [`${secret} of ${enumerate([...new Set(names)].sort())}: ${what}`];
}
