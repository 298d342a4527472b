/** The integration test in short: what holds for each stack, on whichever engine, however it came to be. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { auditEngine } from "../../../cli/doctor/cis/audit.ts";
import { Docker } from "../../../programs/docker/docker.ts";
import { docker } from "../project.ts";
import type { Deployed, Door } from "./deployed.ts";
import { assertNames, assertPublished } from "./hardening.ts";
import { assertStored } from "./http.ts";
import { assertLoopbackOnly } from "./reach.ts";
import { assertNothingToChange } from "./unchanged.ts";

/** Looks at a stack whose config is the embedded default, with ports of its own. */
export async function checkStack(the: Deployed): Promise<void> {
  assertNames(the);
  assertPublished(the);
  await assertLoopbackOnly(the);
  for (const door of ["kms", "backend"] as const) {
    await assertDoor(the, door);
  }
  await assertRecordsStay(the);
  const findings = await auditEngine(new Docker(), `cybexp.stack=${the.project.stack}`);
  assert.deepEqual(
    findings.filter(({ reason }) => reason === undefined),
    [],
  );
  await assertNothingToChange(the);
}

async function assertDoor(the: Deployed, door: Door): Promise<void> {
  const answer = await the.call(door, "/");
  assert.deepEqual([answer.status, answer.text.trim()], [200, "up"]);
  assert.equal((await the.call(door, "/", { credential: undefined })).status, 401);
  const { user } = the.user("collector");
  const credential = { user, password: "not this one" };
  assert.equal((await the.call(door, "/", { credential })).status, 401);
  // Only this stack's own authority vouches for the server.
  await assert.rejects(the.call(door, "/", { ca: the.outputs.clientCa }));
}

/** In its volume, and not in the container. */
async function assertRecordsStay(the: Deployed): Promise<void> {
  const body = randomBytes(15_000);
  const answer = await the.call("backend", "/add/enc-data", { body });
  assert.equal(answer.status, 201, answer.text);
  docker("restart", the.containers()["backend-db"].Id);
  await assertStored(the, body);
}
