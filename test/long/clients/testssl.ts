/** testssl.sh, which grades a TLS server as SSL Labs does, in a container with Debian sid's package. */
import { execa } from "execa";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureMmdebstrap, mmdebstrap } from "../../../machine/images/base.ts";
import { hasApt, thisMachine } from "../../../machine/engine/machine.ts";
import { UserError } from "../../../programs/errors.ts";
import { docker } from "../../integration/project.ts";

/** A whole run takes two minutes or so. */
const RUN_MS = 600_000;

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

export interface Grade {
  /** Such as A+. */
  readonly grade: string;
  /** All that is of medium severity or worse. */
  readonly faults: readonly string[];
}

export class Testssl {
  readonly #image: string;

  private constructor(image: string) {
    this.#image = image;
  }

  /** @throws UserError where it can't be had, with what it takes */
  static async prepare(): Promise<Testssl> {
    const machine = thisMachine();
    if (!hasApt(machine) || !machine.root) {
      throw new UserError("testssl.sh 3.2 takes Debian or Ubuntu, their package mirror, and root.");
    }
    await ensureMmdebstrap("it builds a Debian sid with testssl.sh");
    const [program, args] = mmdebstrap("sid", "-", ["--include=testssl.sh"]);
    const debian = execa(program, args, { stdin: "ignore", buffer: { stdout: false } });
    const { stdout } = await debian.pipe("docker", ["import", "-"]);
    return new Testssl(stdout.trim());
  }

  version(): string {
    const text = docker("run", "--rm", "--network=none", this.#image, "testssl", "--version");
    return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? text;
  }

  /**
   * Looks at a server on this machine.
   *
   * @param ca PEM: the authorities to trust besides the public ones.
   */
  async grade(name: string, port: number, ca: string): Promise<Grade> {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-test-testssl-"));
    try {
      writeFileSync(join(folder, "ca.pem"), ca);
      const { all } = await execa(
        "docker",
        [
          ...["run", "--rm", "--network=host", `--volume=${folder}:/shared`, this.#image],
          ...["testssl", "--quiet", "--color=0", "--warnings=batch", "--add-ca=/shared/ca.pem"],
          // Nothing is asked of the world: not the name's address, nor lists of it.
          ...["--ip=127.0.0.1", "--nodns=none", "--jsonfile=/shared/found.json", `${name}:${port}`],
        ],
        { stdin: "ignore", all: true, reject: false, timeout: RUN_MS },
      );
      const found = JSON.parse(readFileSync(join(folder, "found.json"), "utf8")) as Finding[];
      const grade = found.find(({ id }) => id === "overall_grade")?.finding;
      if (grade === undefined) {
        throw new Error(`testssl.sh gives no grade: ${all}`);
      }
      const faults = found.filter(({ severity }) => /^(MEDIUM|HIGH|CRITICAL)$/.test(severity));
      return { grade, faults: faults.map(({ id, finding }) => `${id}: ${finding}`) };
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  remove(): void {
    docker("image", "rm", this.#image);
  }
}
