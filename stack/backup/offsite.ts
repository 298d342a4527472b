/**
 * Copies backups to another place with rclone. It finds its credentials in its own config or in the environment,
 * never in an argument.
 */
import { execa } from "execa";
import { basename } from "node:path";
import type { Settings } from "../../settings/types.ts";
import { withoutSecrets } from "../../programs/docker/oneLine.ts";
import { UserError } from "../../programs/errors.ts";
import { backupsAmong, expired } from "./files.ts";

/** Not for what moves the whole file, which takes as long as it takes. */
const ANSWER_MS = 120_000;

export interface Offsite {
  /** `NAME:PATH`. */
  readonly remote: string;
  readonly stack: string;
  readonly keep: Settings["backup"]["keep"];
}

/** Fails at once, before a backup is made, if it could not be copied. */
export async function requireRemote({ remote, stack }: Offsite): Promise<void> {
  await namesAt(remote, stack);
}

/** A copy that is not what was sent is an error of rclone's. @returns the names of older ones that were removed */
export async function copyOffsite(
  file: string,
  { remote, stack, keep }: Offsite,
  now: Date,
): Promise<string[]> {
  const name = basename(file);
  // It writes under the name only when all is there.
  await rclone(remote, ["copyto", file, `${remote}/${name}`], { limitMs: Infinity });
  const folder = file.slice(0, -name.length - 1);
  const compared = ["check", folder, remote, "--one-way", "--include", `/${name}`];
  await ((await hasChecksums(remote))
    ? rclone(remote, compared)
    : // It would compare nothing but the sizes.
      rclone(remote, [...compared, "--download"], { limitMs: Infinity }));
  const names = await namesAt(remote, stack);
  if (!names.includes(name)) {
    throw new UserError(
      `${remote} does not show ${name} after it was copied there: check the remote`,
    );
  }
  const old = expired(backupsAmong(stack, names), keep, now).map((each) => each.name);
  for (const each of old) {
    await rclone(remote, ["deletefile", `${remote}/${each}`]);
  }
  return old;
}

async function namesAt(remote: string, stack: string): Promise<string[]> {
  const args = ["lsf", "--files-only", "--include", `/${stack}-*`, remote];
  const listed = await rclone(remote, args, { fine: [NO_FOLDER] });
  return listed.split("\n").filter(Boolean);
}

/** Its exit code for a folder that does not exist: the first copy makes it. */
const NO_FOLDER = 3;

/** Whether the store tells checksums of its files: WebDAV, for one, does not. */
async function hasChecksums(remote: string): Promise<boolean> {
  const told = await rclone(remote, ["backend", "features", remote]);
  const { Hashes } = JSON.parse(told) as { readonly Hashes?: readonly string[] | null };
  return (Hashes ?? []).length > 0;
}

interface RcloneOptions {
  readonly limitMs?: number;
  /** Exit codes that are no failure, beside 0. */
  readonly fine?: readonly number[];
}

async function rclone(
  remote: string,
  args: readonly string[],
  { limitMs = ANSWER_MS, fine = [] }: RcloneOptions = {},
): Promise<string> {
  const result = await execa("rclone", [...args, "--retries=3", "--log-level=ERROR"], {
    reject: false,
    stdin: "ignore",
    ...(limitMs < Infinity && { timeout: limitMs }),
  });
  if (result.exitCode === 0 || fine.includes(result.exitCode ?? 1)) {
    return result.stdout;
  }
  if (result.code === "ENOENT") {
    throw new UserError(
      "cybexp:backup.to needs rclone, and there is none on this machine: install it (`apt-get install rclone`)",
    );
  }
  const why = result.timedOut ? "no answer in time" : lastRecord(result.stderr);
  throw new UserError(
    sentence(remote, args[0] ?? "", withoutSecrets(why || `exit code ${result.exitCode}`)),
  );
}

function sentence(remote: string, command: string, why: string): string {
  const [name = ""] = remote.split(":");
  const section = `RCLONE_CONFIG_${name.toUpperCase()}_*`;
  if (/didn't find section in config file/.test(why)) {
    return `rclone knows no remote ${name}: make it with \`rclone config\`, or set ${section} in the environment`;
  }
  return /AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|Forbidden|Unauthorized/.test(why)
    ? `${remote} refuses rclone's credentials (${why}): correct them with \`rclone config\`, or ${section} in the environment`
    : `rclone ${command}: ${why}`;
}

/** What it said last, in one line without date and level. It may have more lines than one. */
function lastRecord(text: string): string {
  const lines = text.trim().split("\n");
  const first = lines.findLastIndex((line) => DATED.test(line));
  return lines
    .slice(Math.max(first, 0))
    .map((line) => line.trim())
    .join(", ")
    .replace(DATED, "")
    .replace(/, request id: .*$/, "");
}

const DATED =
  /^\d{4}\/\d\d\/\d\d \S+ ((ERROR|NOTICE)\s*:|Failed to \w+( with \d+ errors: last error was)?:)?\s*/;
