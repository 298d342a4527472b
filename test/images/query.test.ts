import assert from "node:assert/strict";
import { execa } from "execa";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { renderModuleConfig } from "../../render/moduleConfig.ts";
import { mintToken } from "../../render/token.ts";
import { type Box, JWT_KEY, Sandbox } from "./sandbox.ts";

const QUERY = "cybexp-demo/query:1";

let sandbox: Sandbox;
let kms: Box;
let backend: Box;
let work: string;
before(async () => {
  sandbox = await Sandbox.open();
  work = await mkdtemp(join(tmpdir(), "query-test-"));
  const database = await sandbox.database();
  kms = await sandbox.service("kms", database.name);
  backend = await sandbox.service("backend", database.name);
  await makeUser("alice", ["a", "b"]);
  await makeUser("carol", ["c"]);
});
after(async () => {
  await sandbox.close();
  await rm(work, { recursive: true, force: true });
});

const tokenOf = (subject: string) =>
  mintToken({ key: JWT_KEY, subject, issuedAt: 0, tokenId: subject });

async function makeUser(username: string, attributes: string[]): Promise<void> {
  const program = ["/usr/bin/python3", "/kms-server/add_account.py", "boss", "secret", "admin"];
  await kms.exec(...program); // the second time, it says that there is one
  const response = await fetch(`${await kms.url()}/user/create`, {
    method: "POST",
    headers: { "X-Authorization": `Bearer ${tokenOf("boss")}` },
    body: JSON.stringify({ username, password: "secret", password2: "secret", attributes }),
  });
  assert.equal(response.status, 201, await response.text());
}

/** Posts what the demo collector would make of a record with the KMS's key. */
async function store(address: string, policy: string, timestamp?: number): Promise<void> {
  const key = await fetch(`${await kms.url()}/get/key/de`, {
    headers: { "X-Authorization": `Bearer ${tokenOf("alice")}` },
  });
  const program = `
import hashlib, json, pickle, sys
key, address, policy, time = json.load(sys.stdin)
record = {"index": [hashlib.sha256(key.encode() + address.encode()).digest()]}
if time: record["timestamp"] = [time]
for name, value in {"ipv4": address, "hits": 7}.items():
    record["cpabe_" + name] = f"demo CP-ABE ({policy}) ".encode() + pickle.dumps(value)
sys.stdout.buffer.write(pickle.dumps(record))`;
  const input = JSON.stringify([await key.text(), address, policy, timestamp ?? null]);
  const { stdout } = await execa("python3", ["-c", program], { input, encoding: "buffer" });
  const response = await fetch(`${await backend.url()}/add/enc-data`, {
    method: "POST",
    body: Buffer.from(stdout),
  });
  assert.equal(response.status, 201);
}

interface Answer {
  readonly code: number;
  readonly logs: string;
  /** Undefined if there is none. */
  readonly output: string | undefined;
}

/** Runs it as query.sh does. */
async function ask(
  args: readonly string[],
  { user = "alice", token = tokenOf(user), secrets, text }: Partial<Record<string, string>> = {},
): Promise<Answer> {
  const config =
    text ??
    renderModuleConfig({
      ...{ kmsUrl: `http://${kms.name}:5000`, backendUrl: `http://${backend.name}:5000` },
      ...{ user, password: "unused here", token },
    });
  const file = join(work, "config.yaml");
  await writeFile(file, config);
  const volume = secrets ?? (await sandbox.volume());
  const id = await sandbox.docker(
    ...["run", "-d", "--network", sandbox.id, `--label=${sandbox.id}`],
    ...["-v", `${file}:/config.yaml:ro`, "-v", `${volume}:/secrets/`, "-it", QUERY, ...args],
  );
  const code = Number(await sandbox.docker("wait", id));
  const { output: logs } = await sandbox.tryDocker("logs", id);
  const target = join(work, id);
  const copied = await sandbox.tryDocker("cp", `${id}:/output`, target);
  const output = copied.code === 0 ? await readFile(target, "utf8") : undefined;
  return { code, logs: logs.replaceAll("\r", ""), output };
}

const lines = (output: string | undefined) =>
  (output ?? "")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);

describe("the demo query module", () => {
  before(async () => {
    await store("192.0.2.1", "a AND (b or z)", 1000);
    await store("192.0.2.1", "A", 2000);
    await store("192.0.2.2", "a");
    await store("192.0.2.3", "c");
  });

  it("writes the records in clear, or counts them", async () => {
    const record = { ipv4: "192.0.2.1", hits: 7 };
    const all = await ask(["192.0.2.1", "--query-type", "search"]);
    assert.equal(all.code, 0, all.logs);
    assert.deepEqual(lines(all.output), [record, record]);
    assert.match(all.logs, /^sk\[attribs\]: \['A', 'B'\]$/m);
    const count = await ask(["192.0.2.1", "--query-type", "count"]);
    assert.deepEqual([count.code, count.output], [0, "Count: 2\n"]);
    assert.match(count.logs, /^Count: 2$/m);
    const none = await ask(["192.0.2.9"]);
    assert.deepEqual([none.code, none.output], [0, ""]);
  });

  it("asks for a time", async () => {
    const count = async (...args: string[]) =>
      (await ask(["192.0.2.1", "-q", "count", ...args])).output;
    assert.equal(await count("--from-time", "1000"), "Count: 1\n");
    assert.equal(await count("--from-time", "1000", "--left-inclusive"), "Count: 2\n");
    assert.equal(await count("-t", "2000", "-r"), "Count: 2\n");
    assert.equal(await count("-f", "1000", "-t", "2000"), "Count: 0\n");
  });

  it("leaves out a record that its user may not read", async () => {
    const answer = await ask(["192.0.2.3"]);
    assert.deepEqual([answer.code, answer.output], [0, ""]);
    assert.match(answer.logs, /Traceback[^]*does not satisfy c/);
    assert.equal((await ask(["192.0.2.3"], { user: "carol" })).output?.split("\n").length, 2);
  });

  it("fetches no key for a user without an account", async () => {
    const answer = await ask(["192.0.2.1"], { user: "nobody" });
    assert.equal(answer.code, 1);
    assert.match(answer.logs, /^Could not fetch CPABE Public Key from KMS server\(http:/m);
  });

  it("stores an error message as a key, and keeps it when the token is right", async () => {
    const secrets = await sandbox.volume();
    const bad = await ask(["192.0.2.1"], { secrets, token: "a.b.c" });
    assert.equal(bad.code, 1);
    const again = await ask(["192.0.2.1"], { secrets });
    assert.equal(again.code, 1);
    assert.match(again.logs, /ValueError: RSA key format is not supported/);
    const inVolume = async (...command: string[]) =>
      (
        await sandbox.docker(
          ...["run", "--rm", `--volume=${secrets}:/secrets`, "--entrypoint=sh", QUERY],
          ...["-c", command.join(" ")],
        )
      ).trim();
    assert.match(await inVolume("cat /secrets/de.bin"), /^\{"msg":"/);
    await inVolume("rm /secrets/*");
    const cured = await ask(["192.0.2.1", "-q", "count"], { secrets });
    assert.deepEqual([cured.code, cured.output], [0, "Count: 2\n"], cured.logs);
  });

  it("takes a user without a password for no basic auth", async () => {
    const config = renderModuleConfig({
      ...{ kmsUrl: `http://${kms.name}:5000`, backendUrl: `http://${backend.name}:5000` },
      ...{ user: "alice", password: "x", token: tokenOf("alice") },
    });
    const enabled = await ask(["192.0.2.1"], { text: config });
    assert.match(enabled.logs, /^Baic auth: enabled$/m);
    const half = await ask(["192.0.2.1"], { text: config.replace(/^ {2}pass: .*\n/m, "") });
    assert.match(half.logs, /^Baic auth: disabled$/m);
  });

  it("fails if the Backend doesn't answer, and says how it is called", async () => {
    const config = renderModuleConfig({
      ...{ kmsUrl: `http://${kms.name}:5000`, backendUrl: "http://nowhere:5000" },
      ...{ user: "alice", password: "x", token: tokenOf("alice") },
    });
    const text = config.replace(/^basic_auth:\n.*\n.*\n/m, "");
    const answer = await ask(["192.0.2.1"], { text });
    assert.equal(answer.code, 1);
    assert.match(answer.logs, /^Failed to query server for data$/m);
    const wrong = await ask(["192.0.2.1", "--query-type", "drop"]);
    assert.equal(wrong.code, 2);
    assert.match(wrong.logs, /invalid choice: 'drop' \(choose from 'search', 'count'\)/);
  });

  it("says that it is a demo", async () => {
    const labels = await sandbox.docker("inspect", "--format={{json .Config.Labels}}", QUERY);
    assert.match(labels, /"org\.opencontainers\.image\.title":"[^"]*\(demo\)"/);
  });
});
