/** Secrets that are made anew although no number was raised for them. */
import type { Step } from "./events.ts";
import type { Picture } from "./picture.ts";
import { enumerate } from "./words.ts";

/** A sentence each, without a full stop. */
export interface Renewals {
  readonly rotated: readonly string[];
  readonly lost: readonly string[];
}

/** Certificates that are renewed near their end or re-signed, and passwords replaced in their place. */
export function renewalsOf(steps: readonly Step[], before: Picture, after: Picture): Renewals {
  const made = (type: RegExp, name: RegExp) =>
    steps
      .filter((step) => step.op === "replace" && type.test(step.urn))
      .flatMap((step) => name.exec(step.name)?.[1] ?? []);
  const certificates = made(/LocallySignedCert::/, /^client-(.+)-\d+$/);
  const keys = made(/ClientCertificate\$.*:PrivateKey::/, /^client-(.+)-\d+-key$/);
  const renewed = certificates.filter((name) => !keys.includes(name));
  const passwords = made(/cybexp:index:UserList\$.*:RandomPassword::/, /^user-(.+)-\d+$/);
  const byNumber =
    before.numbers["serverCertificate"] !== after.numbers["serverCertificate"] ||
    before.numbers["serverCa"] !== after.numbers["serverCa"];
  const ofServer = made(/LocallySignedCert::/, /^((?:server|kapow)-certificate)$/);
  const authorities = made(/RotatedAuthority\$.*:SelfSignedCert::/, /^((?:server|client)-ca)-\d+$/);
  return {
    rotated: [
      ...told(renewed, "certificate", "renewed of the same key: hand over the new one"),
      ...(byNumber ? [] : ofServer.map((name) => `${name.replace("-", " ")}: renewed`)),
      ...authorities.map((name) => `${name.replace("-ca", " CA")}: renewed of the same key`),
    ],
    lost: [
      ...told(keys, "certificate", "replaced by one of another key: the one in use is refused"),
      ...told(passwords, "password", "replaced by another: the one in use is refused at once"),
    ],
  };
}

function told(names: readonly string[], secret: string, what: string): string[] {
  return names.length === 0
    ? []
    : [`${secret} of ${enumerate([...new Set(names)].sort())}: ${what}`];
}
