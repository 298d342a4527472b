import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { docker, dockerOutput } from "../project.ts";
import { filesOf, needlesOf, type Place, search } from "../secrets.ts";
import type { Deployed } from "./deployed.ts";

export function secrecy(the: () => Deployed): void {
  it("finds a decoy in every place and every spelling", async () => {
    const password = randomBytes(16).toString("hex");
    const decoy = new Map([["decoy", password]]);
    const base64 = Buffer.from(`a:${password}`).toString("base64");
    const file = join(the().project.dir, ".cybexp", "decoy");
    writeFileSync(file, encodeURIComponent(Buffer.from(password).toString("hex")));
    const argument = spawn("sleep", ["30"], { argv0: `sleep-${password}` });
    const environment = spawn("sleep", ["30"], { env: { ...process.env, DECOY: base64 } });
    const container = docker(
      ...["run", "-d", "--label", `cybexp.stack=${the().project.stack}`],
      ...["--label", "cybexp.role=decoy", "--env", `DECOY=${base64}`, "--entrypoint", "sh"],
      ...[the().containers().kms.Image, "-c", 'echo "$DECOY"; exec sleep 30'],
    );
    the().heard.push(["the output of a decoy", `https://a:${password}@localhost/`]);
    try {
      await sleep(300);
      the().watch.sample();
      const hits = search(placesOf(the()), needlesOf(decoy));
      const found = new Set(hits.map((hit) => hit.replace(/ has decoy.*/, "")));
      assert.deepEqual([...found].sort(), [
        ".cybexp/decoy",
        "docker inspect",
        "processes",
        "the logs of decoy",
        "the output of a decoy",
      ]);
    } finally {
      argument.kill();
      environment.kill();
      docker("rm", "-f", container);
      writeFileSync(file, "");
      the().heard.pop();
    }
  });

  it("includes Pulumi's JSON events, which an operator may ask for", async () => {
    for (const [command = "", ...args] of [
      ["up", "--json", "--yes", "--skip-preview"],
      ["preview", "--json"],
    ]) {
      const { code, stdout } = await the().npm("pulumi", command, ...args);
      assert.equal(code, 0, command);
      assert.match(stdout, /"resourcePreEvent"|"steps"/);
    }
  });

  it("has no secret in plain text anywhere", () => {
    const secrets = new Map(the().secrets);
    for (const name of [
      "server-ca-1-key.privateKeyPem",
      "kms-jwt-key.hex",
      "kms-jwt-key.hex'",
      "user-collector-1.result",
      "user-collector-2.result",
      "kms-db-admin-password-1.result",
      "the token of analyst",
    ]) {
      assert.ok(secrets.has(name), `${name} is among ${[...secrets.keys()].join(", ")}`);
    }
    const passphrase = readFileSync(join(the().project.dir, ".cybexp", "passphrase"), "utf8");
    secrets.set("the passphrase", passphrase.trim());
    const needles = needlesOf(secrets);
    assert.ok(needles.length > 200, `${needles.length} spellings are looked for`);
    const places = openPlacesOf(the());
    assert.ok(places.length > 25, places.map(([name]) => name).join("\n"));
    assert.deepEqual(search(places, needles), []);
  });
}

/**
 * No secret of the stack is in clear anywhere.
 *
 * @param among How the names of some begin: without these, too little would be looked for.
 * @param more Places beside the usual ones.
 */
export function assertHidden(
  the: Deployed,
  among: readonly string[],
  more: readonly Place[] = [],
): void {
  const names = [...the.secrets.keys()];
  for (const one of among) {
    assert.ok(
      names.some((name) => name.startsWith(one)),
      one,
    );
  }
  assert.deepEqual(search([...openPlacesOf(the), ...more], needlesOf(the.secrets)), []);
}

/** All but the file that has the passphrase. */
const openPlacesOf = (the: Deployed): Place[] =>
  placesOf(the).filter(([name]) => name !== ".cybexp/passphrase");

/** Everything that others may see, or that a leak would go to. */
function placesOf(the: Deployed): Place[] {
  const { dir, stack } = the.project;
  const label = `label=cybexp.stack=${stack}`;
  const list = (kind: string, ...args: string[]) =>
    docker(kind, "ls", "-q", ...args, "--filter", label).split("\n");
  const containers = list("container", "-a");
  const images = new Set(Object.values(the.containers()).map(({ Image }) => Image));
  const inspected = [
    docker("container", "inspect", ...containers),
    docker("network", "inspect", ...list("network")),
    docker("volume", "inspect", ...list("volume")),
    docker("image", "inspect", ...images),
  ];
  const roleOf = new Map(
    Object.entries(the.containers()).map(([role, { Id }]) => [Id.slice(0, 12), role]),
  );
  return [
    ...filesOf(join(dir, ".cybexp")).map((file): Place => [
      relative(dir, file),
      readFileSync(file, "latin1"),
    ]),
    ...the.heard,
    ["docker inspect", inspected.join("\n")],
    ...[...images].map((image): Place => [
      `the history of ${image}`,
      docker("history", "--no-trunc", image),
    ]),
    ...containers.map((id): Place => [
      `the logs of ${roleOf.get(id) ?? id}`,
      dockerOutput("logs", id),
    ]),
    ["processes", the.watch.text],
  ];
}
