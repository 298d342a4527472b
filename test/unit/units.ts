/** The units of an example's folder, and what holds for those of every example. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../../machine/paths.ts";

export class Units {
  readonly #folder: string;
  readonly names: readonly string[];

  constructor(example: string) {
    this.#folder = join(projectRoot, "examples", example);
    this.names = globSync("*", { cwd: this.#folder }).sort();
  }

  /** The value of a key of a unit. */
  valueOf(unit: string, key: string): string | undefined {
    return this.#lines(unit)
      .find((line) => line.startsWith(`${key}=`))
      ?.slice(key.length + 1);
  }

  /** By their form, and by systemd's own program where it is installed. */
  assertValid(): void {
    for (const unit of this.names) {
      for (const line of this.#lines(unit)) {
        assert.match(line, /^(|#.*|\[(Unit|Service|Timer|Install)\]|[A-Z][A-Za-z]+=\S.*)$/, unit);
      }
    }
    const paths = this.names.map((unit) => join(this.#folder, unit));
    const { error, status, stderr } = spawnSync("systemd-analyze", ["verify", ...paths], {
      encoding: "utf8",
    });
    if (error === undefined) {
      assert.deepEqual([status, stderr], [0, ""]);
    }
  }

  /** Whether a shell can read the command of the unit that reports a failure. */
  assertReadable(unit: string): void {
    const [, mail = ""] =
      /^\/bin\/sh -c '(.*)'$/s.exec(this.valueOf(unit, "ExecStart") ?? "") ?? [];
    assert.equal(execFileSync("sh", ["-n", "-c", mail]).length, 0);
  }

  #lines(unit: string): string[] {
    return readFileSync(join(this.#folder, unit), "utf8").replaceAll("\\\n", " ").split("\n");
  }
}

/** Asserts that a line of cron speaks if, and only if, its command fails. */
export function assertSpeaksOfFailures(cron: string, command: string): void {
  for (const [run, printed] of [
    ["echo fine", ""],
    ["echo broken; exit 1", "broken\n"],
  ] as const) {
    const line = cron.replace("/srv/cybexp", ".").replace(command, `sh -c '${run}'`);
    const { stdout } = spawnSync("sh", ["-c", line], { encoding: "utf8" });
    assert.equal(stdout, printed);
  }
}
