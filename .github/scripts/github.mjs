// The parts of GitHub's API that the workflows' scripts need. It uses only Node, because no dependency may
// be installed where a token can write.

/** The account of a workflow's token. */
const AUTHOR = "github-actions[bot]";

/** GitHub accepts 65,536 characters. The rest is for what is added. */
const LIMIT = 65_400;

/** @typedef {{ id: number, number: number, body: string | null, user: { login: string } | null, pull_request?: object }} Item */

/**
 * @param {string} name
 * @returns {string}
 */
export function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

/**
 * @param {string} method
 * @param {string} path below the repository, such as "issues/1/comments"
 * @param {object} [body]
 * @returns {Promise<unknown>}
 */
export async function api(method, path, body) {
  const base = process.env["GITHUB_API_URL"] ?? "https://api.github.com";
  const response = await fetch(`${base}/repos/${required("GITHUB_REPOSITORY")}/${path}`, {
    method,
    headers: {
      accept: "application/vnd.github+json",
      authorization: `Bearer ${required("GITHUB_TOKEN")}`,
      "x-github-api-version": "2022-11-28",
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    throw new Error(`GitHub answered ${response.status} to ${method} ${path}`);
  }
  return response.json();
}

/**
 * The first item that this workflow wrote and that begins with the marker. An item with the same marker by
 * somebody else must not be edited.
 *
 * @param {string} path
 * @param {string} marker
 * @returns {Promise<Item | undefined>}
 */
export async function findOwn(path, marker) {
  const size = 100;
  for (let page = 1; ; page++) {
    const separator = path.includes("?") ? "&" : "?";
    const items = /** @type {Item[]} */ (
      await api("GET", `${path}${separator}per_page=${size}&page=${page}`)
    );
    const own = items.find(
      ({ body, user, pull_request }) =>
        user?.login === AUTHOR && !pull_request && body?.startsWith(marker),
    );
    if (own || items.length < size) {
      return own;
    }
  }
}

/**
 * @param {string} text
 * @param {number} [limit]
 */
export function cut(text, limit = LIMIT) {
  // Don't cut between the two halves of a character.
  return text.length <= limit
    ? text
    : `${text.slice(0, limit).replace(/[\ud800-\udbff]$/, "")}\n\n_Cut to GitHub's limit._`;
}

/**
 * Runs a script's work. A failure is reported in one line.
 *
 * @param {() => Promise<void>} work
 */
export async function main(work) {
  try {
    await work();
  } catch (error) {
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
