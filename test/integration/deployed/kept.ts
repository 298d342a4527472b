/** What a stack has that can't be made again, and how it comes by it. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { untar } from "../../../programs/docker/archive.ts";
import { call } from "../client.ts";
import { docker } from "../project.ts";
import type { Deployed } from "./deployed.ts";

export const sha256 = (content: Buffer): string =>
  createHash("sha256").update(content).digest("hex");

type Options = Parameters<typeof call>[1];

/** Past the proxy, at the address for the operator. */
export const kms = (the: Deployed, path: string, options: Options = {}) =>
  call(`http://127.0.0.1:${the.project.ports.kmsBind}${path}`, options);
export const backend = (the: Deployed, path: string, options: Options = {}) =>
  call(`http://127.0.0.1:${the.project.ports.backendBind}${path}`, options);

/** The digests of the KMS's key files, by name. */
export async function keys(the: Deployed): Promise<Record<string, string>> {
  const archive = execFileSync("docker", ["cp", `${the.network("kms")}:/secrets/.`, "-"], {
    maxBuffer: 1 << 26,
  });
  return Object.fromEntries(
    (await untar(archive))
      .map(({ path, content }) => [path.replace(/^.*\//, ""), sha256(content)] as const)
      .filter(([name]) => name !== "" && !name.startsWith(".cybexp-")),
  );
}

/** A record: whom it is encrypted for, and enough to make the copying take its time. */
export function record(user: string): Buffer {
  return Buffer.from(`${user} ${randomBytes(12_000).toString("hex")}`);
}

/** Stores a record, and gives its digest. */
export async function add(the: Deployed, body: Buffer): Promise<string> {
  const { status } = await backend(the, "/add/enc-data", { body });
  assert.equal(status, 201);
  return sha256(body);
}

export async function count(the: Deployed): Promise<number> {
  const { text } = await backend(the, "/query", { body: "any" });
  return (JSON.parse(text) as { count: number }).count;
}

/** Whether the Backend has a record, and for whom it is. */
export async function ownerOf(the: Deployed, digest: string): Promise<string | undefined> {
  const { status, text } = await backend(the, "/query", {
    body: JSON.stringify({ sha256: digest }),
  });
  return status === 200 ? text.split(" ")[0] : undefined;
}

/** Makes the KMS's first administrator, and gives its token. */
export function makeAdministrator(the: Deployed): string {
  const script = ["python3", "-u", "/kms-server/add_account.py", "root", "a password", "admin"];
  const output = docker("exec", the.network("kms"), ...script);
  return /'access_token': '([^']+)'/.exec(output)?.[1] ?? assert.fail(output);
}

/** Makes an account with a key. */
export async function makeAccount(the: Deployed, token: string, username: string): Promise<void> {
  const password = "another password";
  const body = JSON.stringify({ username, password, password2: password, attributes: ["A"] });
  const headers = { "X-Authorization": `Bearer ${token}` };
  const answer = await kms(the, "/user/create", { headers, body });
  assert.equal(answer.status, 201, answer.text);
}

/** Whether the KMS lets a user in with the password of `makeAccount`. */
export async function login(the: Deployed, username: string): Promise<number> {
  const body = JSON.stringify({ username, password: "another password" });
  const headers = { "Content-Type": "application/json" };
  return (await kms(the, "/login", { body, headers })).status;
}
