/** `cybexp:backup`: where backups go, who can read them, and how long they are kept. */
import { isAbsolute } from "node:path/posix";
import { z } from "zod";
import { Fault } from "./fault.ts";
import { key, section } from "./keys.ts";
import { keyDocs } from "./keyDoc.ts";
import { parsed, wholeNumber } from "./leaves.ts";
import { parsePassword } from "./passwords.ts";

/** Bech32 text after the name of a kind of recipient. The library that encrypts checks its checksum. */
const RECIPIENT = /^age1(?:pq1|tag1|tagpq1)?[02-9ac-hj-np-z]{58,2500}$/;

/** An age recipient: a public key. */
export function parseRecipient(raw: unknown): string | Fault {
  const allowed = "Allowed: an age recipient, which starts with age1.";
  if (typeof raw === "string" && raw.startsWith("AGE-SECRET-KEY-")) {
    return new Fault(
      `This is the secret key, which belongs to whoever restores. ${allowed}`,
      "Make another key pair, because this one is no longer secret, and write the public key that `age-keygen` prints.",
      "AGE-SECRET-KEY-...",
    );
  }
  return typeof raw === "string" && RECIPIENT.test(raw)
    ? raw
    : new Fault(allowed, "Copy the public key that `age-keygen` prints.");
}

/** A folder of this machine. */
export function parseFolder(raw: unknown): string | Fault {
  return typeof raw === "string" && isAbsolute(raw) && !raw.includes("\0")
    ? raw
    : new Fault(
        "Allowed: an absolute path.",
        "Write, for example, /srv/backups/cybexp, best on another disk than the engine's.",
      );
}

/** A remote of rclone's config, and a path in it. */
export function parseRemote(raw: unknown): string | Fault {
  const allowed = "Allowed: a remote of rclone and a path, as NAME:PATH.";
  if (typeof raw === "string" && /^(:|\w+:\/\/)/.test(raw)) {
    return new Fault(
      `Its credentials would be visible in the list of processes. ${allowed}`,
      "Make a remote with `rclone config`, or in the environment (docs/backup.md), and write its name.",
      raw.replace(/[:,].*$/s, ":..."),
    );
  }
  return typeof raw === "string" && /^\w[\w.+@ -]*:[^\0\n]*$/.test(raw)
    ? raw.replace(/\/+$/, "")
    : new Fault(allowed, "Write, for example, offsite:my-bucket/cybexp.");
}

/** Days after which `doctor` says that a backup is old. */
const WARN_DAYS = 2;

export const backup = section(
  "What `npm run backup` does (docs/backup.md). It needs `recipients` or a `passphrase`.",
  {
    folder: key(parsed(parseFolder), {
      type: "path",
      meaning: "The folder for the backups, on the machine that runs `npm run backup`.",
      allowed: "an absolute path",
      fallback: "`.cybexp/backups`",
    }).exactOptional(),
    recipients: z
      .array(
        key(parsed(parseRecipient), {
          type: "age recipient",
          meaning: "One public key.",
          allowed: "a public key of age, as `age-keygen` prints it",
          example: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
        }),
      )
      .register(keyDocs, {
        type: "list of strings",
        meaning:
          "Public keys of age. Whoever has one of their secret keys can read the backups; this machine can't.",
        fallback: "none",
        example: "[age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]",
      })
      .prefault([]),
    passphrase: key(parsed(parsePassword), {
      type: "secret text",
      meaning:
        "Encrypts the backups instead of recipients. Set it with `pulumi config set --secret --path backup.passphrase`, " +
        "and keep a copy elsewhere: without it, nobody can read them.",
      allowed: "20 to 72 characters of printable ASCII, no space at either end, stored as a secret",
      secret: true,
    }).exactOptional(),
    to: key(parsed(parseRemote), {
      type: "rclone remote",
      meaning:
        "Where `npm run backup` copies each backup to with rclone, which must be on this machine: S3 and about 70 other kinds of storage.",
      allowed: "NAME:PATH, where NAME is a remote of rclone's own config or environment",
      example: "offsite:my-bucket/cybexp",
    }).exactOptional(),
    keep: section(
      "Which backups stay when a new one is complete, here and at `to`. Without either key, all of them stay; with both, those that either key keeps.",
      {
        last: key(wholeNumber(1, 10_000), {
          type: "whole number",
          meaning: "Keeps this many of the newest backups.",
          allowed: "1 to 10000",
        }).exactOptional(),
        days: key(wholeNumber(1, 36_500), {
          type: "days",
          meaning: "Keeps the backups of this many days.",
          allowed: "1 to 36500",
        }).exactOptional(),
      },
    ),
    warnDays: key(wholeNumber(1, 365), {
      type: "days",
      meaning: "`doctor` says so if the newest backup is older. Not in throw-away stacks.",
      allowed: "1 to 365",
    }).default(WARN_DAYS),
  },
);
