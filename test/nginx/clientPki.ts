/** Certificate authorities and client certificates of every kind, good and bad. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { Authority } from "../../render/authorityKey.ts";
import { OWN_ORGANIZATION } from "../../names/own.ts";
import { clientSerial, clientSubject } from "../../render/clientName.ts";
import type { NginxClient } from "../../render/nginxClients.ts";
import { renderSignedRequest } from "../../render/signedRequest.ts";
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "../../render/x509.ts";
import type { ClientKey } from "./client.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

/** An authority as the TLS provider makes it, for ten days or until a given moment. */
export async function makeAuthority(
  name: string,
  notAfter: Date = new Date(Date.now() + 10 * DAY_MS),
): Promise<Authority> {
  const keys = await crypto.subtle.generateKey(ECDSA, true, ["sign", "verify"]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `O=CYBEX-P, CN=${name}`,
    keys,
    serialNumber: "0123456789",
    notBefore: new Date(Date.now() - DAY_MS),
    notAfter,
    signingAlgorithm: ECDSA,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const base64 = Buffer.from(pkcs8).toString("base64");
  return {
    certificate: `${certificate.toString("pem")}\n`,
    privateKey: `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`,
  };
}

/** A client as the stack knows it, and what the client itself holds. */
export interface MadeClient extends ClientKey {
  readonly name: string;
  /** In the proxy's list, unless it is left out of it. */
  readonly listed: NginxClient;
  readonly keyPair: { readonly privateKey: KeyObject; readonly publicKey: KeyObject };
}

export interface ClientOptions {
  readonly generation?: number;
  readonly revoked?: boolean;
  /** Days from now on which it begins to be valid; it is so for two days. @default -1 */
  readonly begins?: number;
  /** Another certificate of a key that was there before. */
  readonly keyPair?: MadeClient["keyPair"];
}

export async function makeClient(
  authority: Authority,
  name: string,
  options: ClientOptions = {},
): Promise<MadeClient> {
  const { generation = 1, revoked = false, begins = -1 } = options;
  const keyPair = options.keyPair ?? generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKey = keyPair.publicKey.export({ type: "spki", format: "pem" }).toString();
  const client = { name, generation, publicKey, organization: OWN_ORGANIZATION };
  return {
    name,
    keyPair,
    listed: { name, subject: clientSubject(client), revoked },
    privateKey: keyPair.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    certificate: await renderSignedRequest({
      authority,
      name,
      serial: clientSerial(client),
      organization: OWN_ORGANIZATION,
      publicKey,
      validityDays: 2,
      now: new Date(Date.now() + begins * DAY_MS),
    }),
  };
}
