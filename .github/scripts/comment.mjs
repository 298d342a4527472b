// Writes the one comment on a pull request: creates it, or edits the existing one.
//
//   node comment.mjs FILE
//
// The file comes from a job that ran the pull request's code, so it is only read and cut.
import { lstatSync, readFileSync } from "node:fs";
import { api, cut, findOwn, main, required } from "./github.mjs";

const MARKER = "<!-- cybexp-preview -->";

/** More than GitHub accepts, but harmless. */
const MAX_BYTES = 1 << 20;

await main(async () => {
  const number = Number(required("PULL_REQUEST"));
  const text = read(process.argv[2] ?? "").replaceAll(MARKER, "");
  const commit = /^[0-9a-f]{40,64}$/.exec(process.env["HEAD_SHA"] ?? "")?.[0];
  const body = [MARKER, cut(text.trim()), ...(commit ? [`_Of commit ${commit}._`] : [])].join(
    "\n\n",
  );
  const before = await findOwn(`issues/${number}/comments`, MARKER);
  if (before) {
    await api("PATCH", `issues/comments/${before.id}`, { body });
  } else {
    await api("POST", `issues/${number}/comments`, { body });
  }
});

/** @param {string} file */
function read(file) {
  const found = lstatSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    throw new Error(`${file} is not a file`);
  }
  if (found.size > MAX_BYTES) {
    throw new Error(`${file} has ${found.size} bytes; at most ${MAX_BYTES} are allowed`);
  }
  return readFileSync(file, "utf8");
}
