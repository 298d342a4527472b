import assert from "node:assert/strict";
import { createHmac, createPublicKey } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Box, config, databaseUri, JWT_KEY, Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
let database: Box;
before(async () => {
  sandbox = await Sandbox.open();
  database = await sandbox.database();
});
after(() => sandbox.close());

const KMS = "cybexp-demo/kms:1";

interface Answer {
  readonly status: number;
  readonly text: string;
}

async function call(box: Box, line: string, token?: string, body?: unknown): Promise<Answer> {
  const [method = "", path = ""] = line.split(" ");
  const response = await fetch(`${await box.url()}${path}`, {
    method,
    headers: token === undefined ? {} : { "X-Authorization": token },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, text: await response.text() };
}

const json = (answer: Answer) => JSON.parse(answer.text) as Record<string, unknown>;
const ok = (text: string) => ({ status: 200, text });

/** A token that only needs the key: as one who holds it can make them. */
function token(claims: object, key = JWT_KEY): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  const signature = createHmac("sha256", Buffer.from(key, "hex")).update(head).digest("base64url");
  return `Bearer ${head}.${signature}`;
}

const CLAIMS = { fresh: false, iat: 1, nbf: 1, jti: "j", type: "access", sub: "nobody" };

describe("the demo KMS", () => {
  let box: Box;
  let admin: string;
  before(async () => void (box = await sandbox.service("kms", database.name)));

  it("answers up to anyone", async () => {
    assert.deepEqual(await call(box, "GET /"), ok("up\n"));
  });

  it("makes an administrator with its own program, whose exit code says nothing", async () => {
    const make = () =>
      box.exec("/usr/bin/python3", "-u", "/kms-server/add_account.py", "boss", "secret", "admin");
    const made = await make();
    // On several lines, as pprint breaks them.
    const found =
      /^account type: admin\n\{'access_token': '([\w.-]+)',\n 'admin': True,\n 'username': 'boss'\}$/.exec(
        made.output,
      ) ?? assert.fail(made.output);
    admin = `Bearer ${found[1]}`;
    assert.deepEqual(await make(), { code: 0, output: "account type: admin\nuser already exists" });
    assert.deepEqual(await box.exec("python3", "/kms-server/add_account.py", "a", "b", "user"), {
      code: 0,
      output: "Account type not valid.",
    });
    // As a caller does that keeps the password from the arguments.
    const script =
      "import runpy, sys; sys.argv = ['x', '', 'p', 'admin']; " +
      "runpy.run_path('/kms-server/add_account.py', run_name='__main__')";
    assert.deepEqual(await box.exec("python3", "-c", script), {
      code: 0,
      output: "account type: admin\nBad username",
    });
  });

  it("logs in: 200, 401 for an unknown user, 403 for a wrong password", async () => {
    const login = (username: string, password: string) =>
      call(box, "POST /login", undefined, { username, password });
    const good = await login("boss", "secret");
    assert.equal(good.status, 200);
    assert.deepEqual(Object.keys(json(good)), ["access_token"]);
    assert.deepEqual(await login("bossy", "secret"), { status: 401, text: "Bad credentials" });
    assert.deepEqual(await login("boss", "wrong"), { status: 403, text: "" });
    assert.equal((await call(box, "POST /login")).status, 400);
  });

  it("asks for a token as flask-jwt-extended does", async () => {
    const get = (header?: string) => call(box, "GET /user/me", header);
    const answers = await Promise.all([
      get(),
      get("Basic abc"),
      get("Bearer abc"),
      get(token(CLAIMS, "ff".repeat(32))),
      get(token({ ...CLAIMS, type: "refresh" })),
      get(token(CLAIMS)),
    ]);
    const expected =
      "Missing 'Bearer' type in 'X-Authorization' header. Expected 'X-Authorization: Bearer <JWT>'";
    assert.deepEqual(
      answers.map((answer) => [answer.status, json(answer)]),
      [
        [401, { msg: "Missing X-Authorization Header" }],
        [401, { msg: expected }],
        [422, { msg: "Not enough segments" }],
        [422, { msg: "Signature verification failed" }],
        [422, { msg: "Only non-refresh tokens are allowed" }],
        [200, { logged_in_as: "nobody" }],
      ],
    );
  });

  it("creates users for administrators only, with names made fit", async () => {
    const user = {
      username: "re search/er",
      password: "p",
      password2: "p",
      attributes: ["unr", "re search"],
    };
    const create = (body: object, as = admin) => call(box, "POST /user/create", as, body);
    const made = await create(user);
    assert.equal(made.status, 201);
    const { access_token: mine, ...rest } = json(made);
    assert.deepEqual(rest, { attributes: ["UNR", "RE_SEARCH"], username: "re_search__er" });
    assert.equal((await create(user)).status, 409);
    assert.equal((await create({ ...user, password2: "q" })).status, 400);
    assert.equal((await create({ ...user, attributes: "unr" })).status, 400);
    assert.equal((await create({ ...user, username: "empty", attributes: [] })).status, 400);
    // How to ask whether one is an administrator, without making anything.
    assert.deepEqual(await create({}), {
      status: 400,
      text: "attributes must be a list of strings",
    });
    assert.equal((await create({ ...user, username: "" })).status, 400);
    assert.equal((await create(user, `Bearer ${String(mine)}`)).status, 403);
    assert.equal((await create(user, token(CLAIMS))).status, 403);

    const attributes = await call(box, "GET /get/attributes", token(CLAIMS));
    assert.deepEqual(json(attributes), { attributes: ["RE_SEARCH", "UNR"] });
    const key = () => call(box, "POST /get/key/cpabe-sk", `Bearer ${String(mine)}`);
    const before = await key();
    assert.equal(before.status, 200);
    assert.equal((await call(box, "POST /get/key/cpabe-sk", admin)).status, 500);
    assert.equal((await call(box, "GET /get/key/cpabe-sk", admin)).status, 405);

    const attributesIn = async (name: string) => {
      const script =
        "import pickle, sys; " +
        "print(pickle.load(open('/secrets/cpabe-sk-CPabe_BSW07-%s.binary' % sys.argv[1], 'rb'))['S'])";
      return (await box.exec("python3", "-c", script, name)).output;
    };
    assert.equal(await attributesIn("re_search__er"), "['UNR', 'RE_SEARCH']");

    const rekey = (body: object) => call(box, "POST /user/rekey", admin, body);
    assert.deepEqual(await rekey({ username: "re_search__er" }), { status: 201, text: "created" });
    assert.deepEqual(await key(), before, "rekey keeps the key, as the real one does");
    assert.equal((await rekey({ username: "none" })).status, 400);
    // Without the key, it makes one for another attribute.
    await box.exec("rm", "/secrets/cpabe-sk-CPabe_BSW07-re_search__er.binary");
    assert.deepEqual(await rekey({ username: "re_search__er" }), { status: 201, text: "created" });
    assert.equal(
      await attributesIn("re_search__er"),
      "{'attributes': ['UNR', 'RE_SEARCH']}",
      "a key for the attribute `attributes`, as the real one makes",
    );
  });

  it("silently gives a new account the key that is there, whatever its attributes", async () => {
    const user = (username: string, attribute: string) =>
      call(box, "POST /user/create", admin, {
        ...{ username, password: "p", password2: "p", attributes: [attribute] },
      });
    assert.equal((await user("first", "old")).status, 201);
    const path = (name: string) => `/secrets/cpabe-sk-CPabe_BSW07-${name}.binary`;
    await box.exec("cp", path("first"), path("second"));
    const made = await user("second", "new");
    assert.equal(made.status, 201);
    assert.deepEqual(json(made)["attributes"], ["NEW"]);
    assert.deepEqual(await box.exec("cmp", path("first"), path("second")), { code: 0, output: "" });
    const attributes = await call(box, "GET /get/attributes", token(CLAIMS));
    assert.equal(attributes.text.includes("NEW"), false);
  });

  it("hands its keys to whoever has a token", async () => {
    const get = (path: string) => call(box, `GET ${path}`, token(CLAIMS));
    const de = await get("/get/key/de");
    assert.equal(createPublicKey(de.text).asymmetricKeyDetails?.modulusLength, 2048);
    assert.deepEqual(await get("//get/key/de"), de);
    assert.equal((await get("/get/key/de/")).status, 404);
    assert.match((await get("/get/key/ore")).text, /^[A-Za-z0-9+/]{342}==$/);
    assert.equal((await get("/get/key/cpabe-pk")).status, 200);
    for (const path of ["/get/key/de", "/get/key/ore", "/get/key/cpabe-pk", "/get/range/ore"]) {
      assert.equal((await call(box, `GET ${path}`)).status, 401);
    }
    const range = await get("/get/range/ore");
    assert.match(range.text, /"ORE_OUT_MAX":340282366920938463463374607431768211455\b/);
    assert.match(range.text, /"ORE_IN_MAX":18446744073709551615\b/);
  });

  it("ignores SIGTERM and obeys SIGINT, as the first process", async () => {
    await box.signal("TERM");
    await sleep(1000);
    assert.equal(await box.isRunning(), true);
    const start = performance.now();
    await box.signal("INT");
    assert.equal(await box.exit(), 0);
    assert.ok(performance.now() - start < 5000, "took too long to stop");
    assert.match(await box.logs(), /stand-in: demo, not for real data/);
  });
});

describe("the demo KMS's key files", () => {
  const list = (box: Box) => box.exec("sh", "-c", "cd /secrets; stat -c '%n %a' *; sha256sum *");

  it("are made when missing, with mode 0644, and kept", async () => {
    const volumes = { "/secrets": await sandbox.ownVolume("65532:65532") };
    const first = await sandbox.service("kms", database.name, { volumes });
    const before = (await list(first)).output;
    assert.deepEqual(before.split("\n").slice(0, 4), [
      "DE_key.pem 644",
      "ORE_key.bin 644",
      "cpabe-mk.binary 644",
      "cpabe-pk.binary 644",
    ]);
    await first.signal("INT");
    await first.exit();
    const second = await sandbox.service("kms", database.name, { volumes });
    assert.equal((await list(second)).output, before);
    // The trap: one that is missing is made anew, without a word.
    await second.exec("rm", "/secrets/DE_key.pem");
    const logs = (await second.logs()).length;
    await second.signal("INT");
    await second.exit();
    const third = await sandbox.service("kms", database.name, { volumes });
    assert.notEqual((await list(third)).output, before);
    assert.ok((await third.logs()).length <= logs);
  });

  it("must be writable: else exit code 1", async () => {
    const box = await sandbox.run(KMS, {
      user: "65532:65532",
      files: { "/config.yaml": config("kms", databaseUri(database.name)) },
    });
    assert.equal(await box.exit(), 1);
    assert.match(await box.logs(), /Failed to generate system keys\. Exiting\./);
  });
});

describe("the demo KMS without what it needs", () => {
  it("exits with code 1 and a KeyError for each key that is missing", async () => {
    const start = async (key: string) => {
      const box = await sandbox.run(KMS, {
        user: "65532:65532",
        files: { "/config.yaml": config("kms", databaseUri(database.name), key) },
      });
      assert.equal(await box.exit(), 1);
      assert.match(await box.logs(), new RegExp(`KeyError: '${key}'`));
    };
    await Promise.all(["FLASK_JWT_SECRET_KEY", "OPE_OUT_MAX", "DE_key_location"].map(start));
  });

  it("answers up with a dead database, and refuses good passwords", async () => {
    const box = await sandbox.service("kms", "nowhere");
    const body = { username: "boss", password: "secret" };
    const [login, attributes, create] = await Promise.all([
      call(box, "POST /login", undefined, body),
      call(box, "GET /get/attributes", token(CLAIMS)),
      call(box, "POST /user/create", token(CLAIMS), {
        ...body,
        password2: "secret",
        attributes: [],
      }),
    ]);
    assert.deepEqual(login, { status: 401, text: "Bad credentials" });
    assert.equal(attributes.status, 500);
    assert.equal(create.status, 403);
    assert.equal((await call(box, "GET /get/key/de", token(CLAIMS))).status, 200);
    assert.deepEqual(await call(box, "GET /"), ok("up\n"));
  });
});
