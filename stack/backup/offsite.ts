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

/** Not for the copy itself, which takes as long as it takes. */
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
  // It writes under the name only when all is there, and compares checksums afterwards.
  await rclone(["copyto", file, `${remote}/${name}`], Infinity);
  await rclone([
    "check",
    file.slice(0, -name.length - 1),
    remote,
    "--one-way",
    "--include",
    `/${name}`,
  ]);
  const names = await namesAt(remote, stack);
  if (!names.includes(name)) {
    throw new UserError(
      `${remote} does not show ${name} after it was copied there: check the remote`,
    );
  }
  const old = expired(backupsAmong(stack, names), keep, now).map((each) => each.name);
  for (const each of old) {
    await rclone(["deletefile", `${remote}/${each}`]);
  }
  return old;
}

async function namesAt(remote: string, stack: string): Promise<string[]> {
  const listed = await rclone(
    ["lsf", "--files-only", "--include", `/${stack}-*`, remote],
    ANSWER_MS,
    [NO_FOLDER],
  );
  return listed.split("\n").filter(Boolean);
}

/** Its exit code for a folder that does not exist: the first copy makes it. */
const NO_FOLDER = 3;

async function rclone(
  args: readonly string[],
  limitMs = ANSWER_MS,
  fine: readonly number[] = [],
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
  const why = result.timedOut ? "no answer in time" : lastLine(result.stderr);
  throw new UserError(
    `rclone ${args[0]}: ${withoutSecrets(why || `exit code ${result.exitCode}`)}`,
  );
}

/** Without its date and level. */
const lastLine = (text: string): string =>
  (text.trim().split("\n").at(-1) ?? "").replace(/^\S+ \S+ (ERROR|Failed|NOTICE)\s*:?\s*/, "");
