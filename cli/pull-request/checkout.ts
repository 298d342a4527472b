/** Copies the two sides of a change, each into a folder of its own. The working tree is only read. */
import { execa } from "execa";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { UserError } from "../../programs/errors.ts";
import { judges } from "./judges.ts";

/** A commit, and its name in messages. */
export interface Commit {
  readonly hash: string;
  readonly name: string;
}

/** A git repository with the change checked out. */
export class Repository {
  readonly #root: string;

  /** @param root The project's folder, which is the repository's, too. */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * The commit where the change begins: where it branched off the base, or the base itself if a merge of
   * both is checked out.
   *
   * @throws UserError when there is no such commit in this clone
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
        `--base ${JSON.stringify(ref)} is not a commit in this repository: fetch it first (\`git fetch origin main\`), and name it, for example, origin/main`,
      );
    }
    const hash = await this.#git("merge-base", tip, "HEAD");
    if (hash === undefined) {
      throw new UserError(
        `${ref} and the checked-out change have no commit in common in this clone: fetch the whole history (in GitHub Actions, fetch-depth: 0)`,
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

  /** Copies what is checked out, including edited and new files, into a new folder. */
  async copy(folder: string): Promise<void> {
    const list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    for (const file of ((await this.#git(...list)) ?? "").split("\0").filter(Boolean)) {
      // Git also lists files whose deletion is not committed.
      if (existsSync(join(this.#root, file))) {
        mkdirSync(dirname(join(folder, file)), { recursive: true });
        cpSync(join(this.#root, file), join(folder, file), { verbatimSymlinks: true });
      }
    }
    this.#link(folder);
  }

  /** The changed files among those that check the change. */
  async judgesTouched({ hash }: Commit): Promise<string[]> {
    const changed = await this.#git("diff", "--name-only", hash, "--", ...judges(this.#root));
    return (changed ?? "").split("\n").filter(Boolean);
  }

  /** Links the dependencies if they are the same. Otherwise the folder's first `npm run` installs its own. */
  #link(folder: string): void {
    const [own, theirs] = [this.#root, folder].map((place) => {
      const file = join(place, "package-lock.json");
      return existsSync(file) ? readFileSync(file, "utf8") : undefined;
    });
    if (own === theirs) {
      symlinkSync(join(this.#root, "node_modules"), join(folder, "node_modules"));
    }
  }

  /** Git's output; undefined if it fails. */
  async #git(...args: string[]): Promise<string | undefined> {
    const result = await execa("git", args, { cwd: this.#root, reject: false });
    if (result.code === "ENOENT") {
      throw new UserError("git is not installed, but it is needed to find the change: install it");
    }
    return result.failed ? undefined : result.stdout;
  }
}
