/** How backups go to another place, with a program in the place of rclone. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { parseRemote } from "../../settings/backupKeys.ts";
import { Fault } from "../../settings/fault.ts";
import { copyOffsite, type Offsite, requireRemote } from "../../stack/backup/offsite.ts";

/** Knows a remote `off:`, whose files are in $STORE, and notes each call. */
const RCLONE = `#!/bin/sh
echo "$*" >> "$STORE.calls"
command=$1; shift
at() { echo "$STORE/\${1#off:}"; }
case $command in
  copyto) if test -n "$FULL"; then echo "2026/11/28 03:00:00 ERROR : x: AccessDenied: key AKIAIOSFODNN7EXAMPLEAKIAIOSFODNN7EXAMPLE" >&2; exit 1; fi
    mkdir -p "$(dirname "$(at "$2")")"; if test -z "$LOSES"; then cp "$1" "$(at "$2")"; fi ;;
  check) test -z "$DIFFERS" || { echo "2026/11/28 03:00:00 NOTICE: 1 differences found" >&2; exit 1; } ;;
  lsf) for each; do case $each in off:*) where=$(at "$each");; esac; done
    test -d "$where" || exit 3; ls "$where" ;;
  backend) echo "{\\"Hashes\\": [$HASHES]}" ;;
  deletefile) rm "$(at "$1")" ;;
esac
`;

describe("a copy elsewhere", () => {
  const folder = mkdtempSync(join(tmpdir(), "cybexp-offsite-"));
  const store = join(folder, "store");
  const path = process.env["PATH"];
  const offsite: Offsite = { remote: "off:b", stack: "prod", keep: { last: 2 } };
  const now = new Date("2026-11-28T12:00:00Z");
  const file = (day: number) => join(folder, `prod-202611${day}T030000Z.tar.age`);
  const there = () => readdirSync(join(store, "b")).sort();

  before(() => {
    writeFileSync(join(folder, "rclone"), RCLONE, { mode: 0o700 });
    for (const day of [25, 26, 27, 28]) {
      writeFileSync(file(day), `backup ${day}`);
    }
    process.env["PATH"] = `${folder}:${path}`;
    process.env["STORE"] = store;
  });
  beforeEach(() => {
    process.env["HASHES"] = '"md5"';
    for (const name of ["FULL", "DIFFERS", "LOSES"]) {
      delete process.env[name];
    }
  });
  after(() => {
    process.env["PATH"] = path;
    delete process.env["STORE"];
    delete process.env["HASHES"];
    rmSync(folder, { recursive: true });
  });

  it("can go where nothing is yet", () => requireRemote(offsite));

  it("is compared with what was sent, and takes the place of what is not kept", async () => {
    for (const day of [25, 26]) {
      assert.deepEqual(await copyOffsite(file(day), offsite, now), []);
    }
    mkdirSync(join(store, "b"), { recursive: true });
    writeFileSync(join(store, "b", "prod-eu-20260101T030000Z.tar.age"), "another stack's");
    assert.deepEqual(await copyOffsite(file(27), offsite, now), ["prod-20261125T030000Z.tar.age"]);
    assert.deepEqual(there(), [
      ...["prod-20261126T030000Z.tar.age", "prod-20261127T030000Z.tar.age"],
      "prod-eu-20260101T030000Z.tar.age",
    ]);
    const calls = readFileSync(`${store}.calls`, "utf8");
    assert.match(calls, /^check .* off:b --one-way --include \/prod-20261127T030000Z\.tar\.age /m);
  });

  it("is read again where the store tells no checksums", async () => {
    process.env["HASHES"] = "";
    await copyOffsite(file(27), offsite, now);
    const calls = readFileSync(`${store}.calls`, "utf8").trim().split("\n");
    const checks = calls.filter((call) => call.startsWith("check "));
    assert.deepEqual(
      checks.map((call) => call.includes(" --download ")),
      [false, false, false, true],
    );
  });

  for (const [variable, sentence] of [
    [
      "FULL",
      /^off:b refuses rclone's credentials \(x: AccessDenied: key \(not shown\)\): correct them with `rclone config`, or RCLONE_CONFIG_OFF_\* in the environment$/,
    ],
    ["DIFFERS", /^rclone check: 1 differences found$/],
    ["LOSES", /^off:b does not show prod-20261128T030000Z\.tar\.age after it was copied there/],
  ] as const) {
    it(`removes no older one if the new one is not there: ${variable}`, async () => {
      const old = there();
      process.env[variable] = "1";
      await assert.rejects(copyOffsite(file(28), offsite, now), {
        name: "UserError",
        message: sentence,
      });
      rmSync(join(store, "b", "prod-20261128T030000Z.tar.age"), { force: true });
      assert.deepEqual(there(), old);
    });
  }

  it("needs rclone, and says so before a backup is made", async () => {
    process.env["PATH"] = join(folder, "nothing");
    await assert.rejects(requireRemote(offsite), { message: /^cybexp:backup\.to needs rclone/ });
    process.env["PATH"] = `${folder}:${path}`;
  });
});

describe("cybexp:backup.to", () => {
  it("names a remote of rclone's", () => {
    assert.equal(parseRemote("offsite:bucket/cybexp/"), "offsite:bucket/cybexp");
    assert.equal(parseRemote("my remote:"), "my remote:");
  });

  it("has no credentials, which everybody could see in the list of processes", () => {
    for (const raw of [":s3,secret_access_key=hidden:bucket", "s3://bucket?secret=hidden"]) {
      const fault = parseRemote(raw);
      assert.ok(fault instanceof Fault);
      assert.doesNotMatch(JSON.stringify(fault), /hidden/);
    }
    for (const raw of ["bucket", "-x:y", "", 5, "a:b\nc"]) {
      assert.ok(parseRemote(raw) instanceof Fault, String(raw));
    }
  });
});
