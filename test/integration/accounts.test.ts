/**
 * The KMS's administrator, accounts and keys in a real stack: made by the first `up`, good at once, and told apart
 * from what somebody else has done to them.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { docker, dockerOutput, Project } from "./project.ts";
import {
  type ExportedState,
  filesOf,
  needlesOf,
  type Place,
  ProcessWatch,
  search,
  secretsOf,
} from "./secrets.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";

interface Account {
  readonly user: string;
  readonly password?: string;
  readonly token: string;
  readonly attributes?: readonly string[];
  readonly note?: string;
}

let project: Project;
const watch = new ProcessWatch();
/** Everything that commands have printed. */
const printed: string[] = [];
const kms = () => `cybexp-${project.stack}-kms`;

async function run(command: string, code = 0): Promise<string> {
  const result = await project.npm(command);
  printed.push(result.output);
  assert.equal(result.code, code, `${command}: ${result.output}`);
  return result.output;
}

async function accounts() {
  const outputs = await project.outputs();
  return {
    administrator: outputs["administrator"] as Account,
    users: outputs["kmsUsers"] as Record<string, Account>,
    keys: outputs["kmsKeys"] as Record<string, string>,
  };
}

/** The status of a call to the KMS itself. */
async function call(line: string, token?: string, body?: unknown): Promise<number> {
  const [method = "", path = ""] = line.split(" ");
  const response = await fetch(`http://127.0.0.1:${project.ports.kmsBind}${path}`, {
    method,
    headers: {
      "Content-Type": "application/json",
      ...(token !== undefined && { "X-Authorization": `Bearer ${token}` }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  await response.arrayBuffer();
  return response.status;
}

const setUsers = (...users: object[]) =>
  project.configure((config) => (config["cybexp:users"] = users));
const inKms = (...command: string[]) => docker("exec", kms(), ...command);
const keyOf = (name: string) => `/secrets/cpabe-sk-CPabe_BSW07-${name}.binary`;

const COLLECTOR = { name: "collector" };
const ANALYST = { name: "analyst", attributes: ["default", "unr"] };
const NEW = { name: "new", attributes: ["unr"] };

describe("the KMS's accounts in a real stack", () => {
  let first: Awaited<ReturnType<typeof accounts>>;
  let container: string;

  before(async () => {
    project = await Project.create();
    setUsers(COLLECTOR, ANALYST);
    // Arguments alone: the environment of whoever runs Pulumi is that user's.
    watch.files = ["cmdline"];
    watch.start();
    await run("up").finally(() => watch.stop());
    first = await accounts();
    container = docker("inspect", "--format", "{{.Id}}", kms());
  });
  after(() => project.remove());

  it("are good at once: tokens, passwords, keys and rights", async () => {
    const { administrator, users, keys } = first;
    assert.equal(administrator.user, "administrator");
    assert.deepEqual(Object.keys(users), ["analyst"]);
    const analyst = users["analyst"] ?? assert.fail();
    assert.deepEqual(analyst.attributes, ["DEFAULT", "UNR"]);
    assert.equal(await call("POST /user/create", administrator.token, {}), 400);
    assert.equal(await call("POST /user/create", analyst.token, {}), 403);
    for (const key of ["de", "ore", "cpabe-pk"]) {
      assert.equal(await call(`GET /get/key/${key}`, analyst.token), 200);
    }
    assert.equal(await call("POST /get/key/cpabe-sk", analyst.token), 200);
    assert.equal(await call("POST /get/key/cpabe-sk", administrator.token), 500);
    for (const { user, password } of [administrator, analyst]) {
      assert.equal(await call("POST /login", undefined, { username: user, password }), 200);
    }
    for (const [file, fingerprint] of Object.entries(keys)) {
      assert.equal(inKms("sha256sum", `/secrets/${file}`).split(" ")[0], fingerprint);
    }
    assert.deepEqual(Object.keys(keys), ["DE_key.pem", "cpabe-pk.binary"]);
  });

  it("are left alone by a second `up`, and shown by preview and doctor", async () => {
    assert.match(await run("up"), /Nothing changed/);
    const previewed = await run("preview");
    assert.match(previewed, /: nothing changes/);
    assert.match(
      previewed,
      new RegExp(
        `note: the KMS's public key DE_key\\.pem has the SHA-256 ${first.keys["DE_key.pem"]}\\n`,
      ),
    );
    assert.match(await run("doctor"), /the administrator and 1 user; the KMS takes their tokens/);
  });

  it("come with a new user, and stay when one is removed", async () => {
    setUsers(COLLECTOR, NEW);
    const stays =
      /[tT]he KMS's account analyst stays, because the KMS can't delete one: its token stays good until cybexp:rotation\.kmsJwtKey is raised/;
    const previewed = await run("preview");
    assert.match(previewed, /The KMS gets an account new with the attributes UNR/);
    assert.match(previewed, stays);
    assert.match(await run("up"), stays);
    const { users } = await accounts();
    assert.equal(await call("POST /get/key/cpabe-sk", users["new"]?.token), 200);
    assert.equal(docker("inspect", "--format", "{{.Id}}", kms()), container);
    const { token } = first.users["analyst"] ?? assert.fail();
    assert.equal(await call("GET /user/me", token), 200, "its token is still good");
  });

  it("don't get other attributes, and nothing is changed", async () => {
    setUsers(COLLECTOR, NEW, { ...ANALYST, attributes: ["default"] });
    const sentence =
      /the KMS's account analyst has the attributes DEFAULT, UNR, and the config has DEFAULT: the KMS can't change an account or its key/;
    assert.match(await run("preview", 1), sentence);
    assert.match(await run("up", 1), sentence);
    setUsers(COLLECTOR, NEW);
  });

  it("have new tokens after a rotation of the KMS's token key, and the old ones are refused", async () => {
    const before = await accounts();
    project.configure((config) => (config["cybexp:rotation"] = { kmsJwtKey: 2 }));
    await run("up");
    const { administrator, users } = await accounts();
    assert.equal(administrator.password, before.administrator.password);
    for (const [old, now] of [
      [before.administrator, administrator],
      [before.users["new"], users["new"]],
      [first.users["analyst"], undefined],
    ]) {
      assert.equal(await call("GET /user/me", old?.token), 422);
      assert.equal(now === undefined ? 200 : await call("GET /user/me", now.token), 200);
    }
  });

  it("are made again if the KMS has lost them", async () => {
    inKms(
      ...["python3", "-c"],
      "import accounts; accounts._users.delete_one({'username': 'administrator'})",
    );
    assert.match(
      await run("doctor", 1),
      /kms-accounts: the KMS has lost its administrator administrator; `\S+ npm run up` repairs that/,
    );
    await run("up");
    const { administrator } = await accounts();
    assert.equal(await call("POST /user/create", administrator.token, {}), 400);
  });

  it("are in no state, log, argument or container in clear", async () => {
    const { stdout } = await project.npm("pulumi", "stack", "export", "--show-secrets");
    const secrets = secretsOf(JSON.parse(stdout) as ExportedState);
    const now = await accounts();
    for (const { user, token } of [now.administrator, ...Object.values(now.users)]) {
      secrets.set(`token of ${user}`, token.split(".")[2] ?? "");
    }
    assert.ok(secrets.has("kms-administrator.result") && secrets.has("kms-account-new.result"));
    const containers = docker(
      "ps",
      "--all",
      "--quiet",
      `--filter=label=cybexp.stack=${project.stack}`,
    ).split("\n");
    const places: Place[] = [
      ["the commands' output", printed.join("\n")],
      ["processes", watch.text],
      ...containers.map((id): Place => [`inspect ${id}`, dockerOutput("inspect", id)]),
      ...containers.map((id): Place => [`logs of ${id}`, dockerOutput("logs", id)]),
      ...filesOf(join(project.dir, ".cybexp", "state")).map((file): Place => [
        file,
        readFileSync(file, "latin1"),
      ]),
    ];
    assert.deepEqual(search(places, needlesOf(secrets)), []);
  });

  it("are refused, by name, without their key", async () => {
    inKms("mv", keyOf("new"), `${keyOf("new")}.copy`);
    const sentence =
      /the KMS's account new has no key any more: \S+cpabe-sk-CPabe_BSW07-new\.binary is gone/;
    for (const command of ["up", "doctor"]) {
      assert.match(await run(command, 1), sentence, command);
    }
    inKms("mv", `${keyOf("new")}.copy`, keyOf("new"));
    assert.match(await run("up"), /Nothing changed/);
  });

  it("rely on keys that nobody makes anew unnoticed", async () => {
    const { keys } = await accounts();
    inKms("mv", "/secrets/DE_key.pem", "/secrets/copy");
    docker("restart", kms());
    const sentence =
      /[tT]he KMS has other keys than the state remembers: DE_key\.pem in the volume \S+-kms-secrets was made anew or replaced\. /;
    for (const command of ["preview", "up", "doctor"]) {
      assert.match(await run(command, 1), sentence, command);
    }
    const plain = await project.pulumi("preview");
    assert.equal(plain.code, 1, plain.output);
    assert.match(plain.output, sentence);
    assert.doesNotMatch(plain.output, /^\s+at .*:\d+/m);
    inKms("cp", "/secrets/copy", "/secrets/DE_key.pem");
    assert.match(await run("up"), /Nothing changed/);
    assert.deepEqual((await accounts()).keys, keys);
  });

  it("rely on files that are keys", async () => {
    inKms("sh", "-c", "echo '<html>502 Bad Gateway' > /secrets/cpabe-pk.binary");
    for (const command of ["up", "doctor"]) {
      assert.match(
        await run(command, 1),
        /cpabe-pk\.binary in the volume \S+ is no key: it has a page of HTML in it\./,
        command,
      );
    }
  });

  it("get other keys by the operator's word, once", async () => {
    inKms("rm", "/secrets/cpabe-pk.binary");
    docker("restart", kms());
    const [entry = ""] = /kms-keys@[0-9a-f]{12}/.exec(await run("up", 1)) ?? [];
    project.configure((config) => (config["cybexp:lost"] = [entry]));
    assert.match(
      await run("preview"),
      /LOSES DATA; [^]*The KMS's keys in the volume \S+ are given up, as cybexp:lost says\./,
    );
    assert.match(
      await run("up"),
      new RegExp(`cybexp:lost has ${entry}: the state remembers other keys by now`),
    );
    const { keys } = await accounts();
    assert.equal(
      inKms("sha256sum", "/secrets/cpabe-pk.binary").split(" ")[0],
      keys["cpabe-pk.binary"],
    );
    assert.equal(keys["DE_key.pem"], first.keys["DE_key.pem"]);
    // A user's key of before would open nothing.
    const newer = `[ ${keyOf("new")} -nt /secrets/cpabe-mk.binary ] && echo newer`;
    assert.equal(inKms("sh", "-c", newer), "newer");
  });
});
