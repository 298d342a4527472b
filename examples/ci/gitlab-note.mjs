// Writes the one note on a merge request: creates it, or edits the one that is there. It does for GitLab
// what .github/scripts/comment.mjs does for GitHub.
//
//   node gitlab-note.mjs FILE
import { lstatSync, readFileSync } from "node:fs";

const MARKER = "<!-- cybexp-preview -->";

/** GitLab accepts a million characters. */
const MAX_BYTES = 1_000_000;

/** @param {string} name */
function required(name) {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set`);
  }
  return value;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<any>}
 */
async function api(method, path, body) {
  const response = await fetch(`${required("CI_API_V4_URL")}/${path}`, {
    method,
    headers: { "content-type": "application/json", "private-token": required("COMMENT_TOKEN") },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) {
    throw new Error(`GitLab answered ${response.status} to ${method} ${path}`);
  }
  return response.json();
}

/** @param {string} file */
function read(file) {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found?.isFile() || found.size > MAX_BYTES) {
    return "The preview failed before it had a summary. The job's log says why.";
  }
  return readFileSync(file, "utf8");
}

async function main() {
  const project = Number(required("CI_PROJECT_ID"));
  const notes = `projects/${project}/merge_requests/${Number(required("CI_MERGE_REQUEST_IID"))}/notes`;
  const body = `${MARKER}\n\n${read(process.argv[2] ?? "")
    .replaceAll(MARKER, "")
    .trim()}`;
  const { id: us } = await api("GET", "user");
  for (let page = 1; ; page++) {
    /** @type {{ id: number, body: string, author: { id: number } }[]} */
    const list = await api("GET", `${notes}?per_page=100&page=${page}`);
    const own = list.find((note) => note.author.id === us && note.body.startsWith(MARKER));
    if (own) {
      await api("PUT", `${notes}/${own.id}`, { body });
      return;
    }
    if (list.length < 100) {
      await api("POST", notes, { body });
      return;
    }
  }
}

try {
  await main();
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
