/** The two sides of a change, each in a folder of its own: the working tree is only read. */
import { execa } from "execa";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../programs/errors.ts";
import { judges } from "./judges.ts";

/** A commit, and what it is called in a message. */
export interface Commit {
  readonly hash: string;
  readonly name: string;
}

/** A git repository with the change checked out. */
export class Repository {
  readonly #root: string;

  /** @param root The project's folder, which is the repository's. */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * The commit that the change begins from: where it left the base, or, of a merge of both, the base.
   *
   * @throws UserError when there is no such commit here
   */
  async findBase(ref: string): Promise<Commit> {
    const tip = await this.#git(
      "rev-parse",
      "--verify",
      "--quiet",
      "--end-of-options",
      `${ref}^{commit}`,
    );
    if (tip === undefined) {
      throw new UserError(
        `--base ${JSON.stringify(ref)} is no commit of this repository: fetch it first (\`git fetch origin main\`), and name it as in origin/main`,
      );
    }
    const hash = await this.#git("merge-base", tip, "HEAD");
    if (hash === undefined) {
      throw new UserError(
        `${ref} and what is checked out have no commit in common here: fetch the whole history (in GitHub Actions fetch-depth: 0)`,
      );
    }
    return { hash, name: `${ref} at ${hash.slice(0, 7)}` };
  }

  /** Writes the commit's files into a new folder. */
  async extract({ hash }: Commit, folder: string): Promise<void> {
    mkdirSync(folder);
    await execa("git", ["archive", "--format=tar", hash], { cwd: this.#root, buffer: false }).pipe(
      "tar",
      ["-xf", "-", "-C", folder],
    );
    this.#link(folder);
  }

  /** Copies what is checked out, edited and new files too, into a new folder. */
  async copy(folder: string): Promise<void> {
    const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    for (const file of ((await this.#git(...list)) ?? "").split("\0").filter(Boolean)) {
      // Git lists what was deleted and not committed, too.
      if (existsSync(join(this.#root, file))) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        cpSync(join(this.#root, file), join(folder, file), { verbatimSymlinks: true });
      }
    }
    this.#link(folder);
  }

  /** What the change touches of what judges it. */
  async judgesTouched({ hash }: Commit): Promise<string[]> {
    const changed = await this.#git("diff", "--name-only", hash, "--", ...judges(this.#root));
    return (changed ?? "").split("\n").filter(Boolean);
  }

  /** The dependencies, where they are the same; else the folder's first `npm run` installs its own. */
  #link(folder: string): void {
    const [own, theirs] = [this.#root, folder].map((place) => {
      const file = join(place, "package-lock.json");
      return existsSync(file) ? readFileSync(file, "utf8") : undefined;
    });
    if (own === theirs) {
      symlinkSync(join(this.#root, "node_modules"), join(folder, "node_modules"));
    }
  }

  /** Its output, or undefined when it fails. */
  async #git(...args: string[]): Promise<string | undefined> {
    const result = await execa("git", args, { cwd: this.#root, reject: false });
    if (result.code === "ENOENT") {
      throw new UserError("git is not installed: it tells what the change is");
    }
    return result.failed ? undefined : result.stdout;
  }
}
