/** The keys below `cybexp:certificates`: where servers' certificates come from, and how long ours are valid. */
import { z } from "zod";
import { certificateDays } from "./certificates.ts";
import { flag, image, key, limits, port, section, word } from "./keys.ts";
import { keyDocs } from "./keyDoc.ts";
import { Fault } from "./fault.ts";
import { parsed, text, wholeNumber } from "./leaves.ts";
import { parseCertificateText, parsePrivateKeyText } from "./pemText.ts";
import { acmeResources } from "./resources.ts";

const days = (name: keyof typeof certificateDays, meaning: string, rule?: string) => {
  const { least, most, fallback } = certificateDays[name];
  const allowed = [`${least} to ${most}`, ...(rule === undefined ? [] : [rule])].join(", ");
  return key(wholeNumber(least, most), { type: "days", meaning, allowed }).default(fallback);
};

const certificateText = (meaning: string, fallback?: string) =>
  key(parsed(parseCertificateText), {
    type: "PEM text or path",
    meaning,
    allowed: "certificates in PEM, or the path of a file with them, relative to Pulumi.yaml",
    ...(fallback !== undefined && { fallback }),
    secret: false,
  });

const supplied = z
  .strictObject({
    for: word(
      "The server that shows it. Kapow! shows the proxy's if it has none of its own and the names fit.",
      ["proxy", "kapow"],
    ).default("proxy"),
    keyType: word(
      "The kind of the key that the stack makes if there is no `privateKey`: `ecdsa` is P-256, `rsa` has 3072 bits.",
      ["ecdsa", "rsa"],
    ).default("ecdsa"),
    certificate: certificateText(
      "The certificate from your authority, followed by the intermediate ones. RSA or ECDSA.",
      "none yet: the stack shows an interim certificate of its own, and the output `certificateRequests` has what to get signed",
    ).exactOptional(),
    privateKey: key(parsed(parsePrivateKeyText), {
      type: "secret PEM text or path",
      meaning:
        "The certificate's private key. Set it with `pulumi config set --secret --path 'certificates.supplied[0].privateKey' < server.key`.",
      allowed: "one unencrypted private key in PEM, stored as a secret; or the path of a file",
      fallback: "made by the stack, which then offers a certificate request",
      secret: true,
    }).exactOptional(),
  })
  .register(keyDocs, { type: "map", meaning: "One certificate." });

const word64 = "1 to 512 printable characters without spaces";

/** A program's text, executed as it stands. */
const hook = (meaning: string) =>
  key(
    text(
      /^#! *\/\S[^\r\0]*$/,
      new Fault(
        "Allowed: a program's text that begins with #! and the path of an interpreter in the image, with Unix line ends.",
        'Write, for example, "setRecord: |" and, below it, "#!/bin/sh -e" and the commands.',
      ),
    ),
    {
      type: "script",
      meaning,
      allowed: "text that begins with `#!` and an interpreter of the image",
      fallback: "none",
    },
  );

const acme = z
  .strictObject({
    image: image("certbot, which gets and renews the certificates", "certbot/certbot:v5.8.0"),
    directory: key(
      text(
        /^https:\/\/[A-Za-z0-9.[\]:-]+\/[\w.~/-]*$/,
        new Fault(
          "Allowed: https://, a host, perhaps a port, and a path; no credentials.",
          "Write the URL from your authority's documentation.",
        ),
      ),
      {
        type: "URL",
        meaning: "The directory of the certificate authority.",
        allowed: "https://host/path, without credentials",
      },
    ).default("https://acme-v02.api.letsencrypt.org/directory"),
    directoryCa: certificateText(
      "The authorities that vouch for the directory's own TLS, if it is not a public one.",
      "the public ones",
    ).exactOptional(),
    email: key(
      text(
        /^[^\s@"\\]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$/,
        new Fault("Allowed: one e-mail address.", "Write, for example, security@example.edu."),
      ),
      {
        type: "e-mail address",
        meaning: "Where the authority may write to. Let's Encrypt sends no mails any more.",
        allowed: "one address",
        fallback: "none",
        example: "security@example.edu",
      },
    ).exactOptional(),
    eab: z
      .strictObject({
        keyId: key(
          text(
            /^[!-~]{1,512}$/,
            new Fault(`Allowed: ${word64}.`, "Copy the identifier from your authority."),
          ),
          {
            type: "text",
            meaning: "The key identifier from the authority.",
            allowed: word64,
            example: "kid-1",
          },
        ),
        hmacKey: key(
          text(
            // Blanks, too: a value that only Pulumi can decrypt has a text of its own in its place.
            /^[ -~]{1,512}$/,
            new Fault("Allowed: the key as the authority shows it, base64url.", "Copy it again."),
          ),
          {
            type: "secret text",
            meaning:
              "The HMAC key from the authority. Set it with `pulumi config set --secret --path certificates.acme.eab.hmacKey`.",
            allowed: "base64url, stored as a secret",
            secret: true,
          },
        ),
      })
      .register(keyDocs, {
        type: "map",
        meaning:
          "External account binding (RFC 8555, 7.3.4), for authorities that ask for it, such as ZeroSSL and Google.",
      })
      .exactOptional(),
    profile: key(
      text(
        /^[\w.-]{1,64}$/,
        new Fault(
          "Allowed: letters, digits, `.`, `_` and `-`.",
          "Write the profile's name from your authority's documentation.",
        ),
      ),
      {
        type: "word",
        meaning:
          "The certificate profile to ask for, such as Let's Encrypt's `shortlived`. The authority must offer it.",
        allowed: "letters, digits, `.`, `_` and `-`",
        fallback: "the authority's default",
        example: "tlsserver",
      },
    ).exactOptional(),
    challenge: word(
      "How to prove that the names are yours: `http` answers at port 80 of the proxy's address, `dns` sets a TXT record. Wildcards need `dns`.",
      ["http", "dns"],
    ).default("http"),
    httpPort: port(
      "The port for `http`. The authority always calls port 80: another number is for a router that forwards to it.",
      {},
    ).default(80),
    dns: z
      .strictObject({
        plugin: key(
          text(
            /^[a-z0-9][a-z0-9-]{0,63}$/,
            new Fault(
              "Allowed: a plugin's name without its dns- in front.",
              "Write, for example, rfc2136.",
            ),
          ),
          {
            type: "word",
            meaning: "A certbot DNS plugin that the image has.",
            allowed: "its name, such as `cloudflare`, `rfc2136`, `route53`",
            fallback: "none",
            example: "rfc2136",
          },
        ).exactOptional(),
        credentials: key(
          text(
            /^[^\0\r]{1,16384}$/,
            new Fault("Allowed: the text of a credentials file.", "Set it from the file again."),
          ),
          {
            type: "secret text",
            meaning:
              "The plugin's credentials file. Set it with `pulumi config set --secret --path certificates.acme.dns.credentials < FILE`.",
            allowed: "the text of the file, stored as a secret",
            fallback: "none",
            secret: true,
          },
        ).exactOptional(),
        propagationSeconds: key(wholeNumber(0, 3600), {
          type: "seconds",
          meaning: "How long to wait until the new record can be seen everywhere.",
          allowed: "0 to 3600",
          fallback: "the plugin's own default; none with a hook",
        }).exactOptional(),
        setRecord: hook(
          "A program that sets the record, instead of a plugin. It gets CERTBOT_DOMAIN and CERTBOT_VALIDATION in its environment.",
        ).exactOptional(),
        removeRecord: hook("A program that removes the record again.").exactOptional(),
      })
      .register(keyDocs, {
        type: "map",
        meaning: "How the record is set, with `challenge: dns`: a plugin, or programs of your own.",
      })
      .exactOptional(),
    resources: limits("certbot's container", acmeResources),
  })
  .register(keyDocs, {
    type: "map",
    meaning:
      "Certificates by ACME (RFC 8555), from Let's Encrypt or any other authority that speaks it. Required with `source: acme`, otherwise unused.",
  });

export const certificates = section(
  "The certificates of the proxy and of Kapow!, and how long the ones that the stack signs are valid.",
  {
    source: word(
      "Where the servers' certificates come from: `generated` by the stack's own certificate authority, `supplied` by an authority of yours, or `acme`.",
      ["generated", "supplied", "acme"],
    ).default("generated"),
    authorities: certificateText(
      "The certificate authorities that callers trust besides the stack's own: your company's root, or the root of a private ACME authority. They become part of the output `serverCa`.",
      "the public ones",
    ).exactOptional(),
    supplied: z
      .array(supplied)
      .register(keyDocs, {
        type: "list of maps",
        meaning:
          "Certificates from an authority of yours: for each server one, or an RSA and an ECDSA one. Used with `source: supplied`.",
        fallback: "none",
        example: "[{ certificate: server.pem, privateKey: server.key }]",
      })
      .prefault([]),
    acme: acme.exactOptional(),
    ocspStapling: flag(
      "Whether the proxy staples OCSP answers to a supplied certificate that offers OCSP. It then calls the authority's responder by HTTP.",
    ),
    validityDays: days("validityDays", "How long a server certificate is valid."),
    renewBeforeDays: days(
      "renewBeforeDays",
      "How many days before a certificate expires an `up` renews it.",
      "less than validityDays",
    ),
    caValidityDays: days(
      "caValidityDays",
      "How long each certificate authority is valid: the server CA and the client CA.",
      "more than validityDays and clientValidityDays",
    ),
    clientValidityDays: days(
      "clientValidityDays",
      "How long a client's certificate is valid. An `up` renews it `renewBeforeDays` before it expires. " +
        "Hand the new one to its owner; the old one stays valid until it expires.",
      "more than renewBeforeDays",
    ),
  },
);
