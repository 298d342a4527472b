import assert from "node:assert/strict";
import { connect } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type ModuleConfig, renderModuleConfig } from "../../render/moduleConfig.ts";
import { AUTHORITY, make, read, server } from "../authority.ts";
import { type Box, Sandbox } from "./sandbox.ts";
import { type Answer, Scripted } from "./scripted.ts";

const COLLECTOR = process.env["CYBEXP_TEST_COLLECTOR_IMAGE"] ?? "cybexp-demo/collector:1";
const OWNER = "65532:65532";

const TOKEN = "head.body.signature";
const BASIC = `Basic ${Buffer.from("alice:open sesame").toString("base64")}`;
const PEM = "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n";
/** A pickle of an empty dict. */
const PICKLE = "\x80\x03}.";
const RANGE = `{"ORE_IN_MIN":0,"ORE_IN_MAX":18446744073709551615,"ORE_OUT_MIN":0,"ORE_OUT_MAX":340282366920938463463374607431768211455}`;

const KMS: Readonly<Record<string, Answer>> = {
  "GET /": { status: 200, text: "up\n" },
  "GET /user/me": { status: 200, text: '{"logged_in_as":"alice"}' },
  "GET /get/key/de": { status: 200, text: PEM },
  "GET /get/key/ore": { status: 200, text: "b3Jl" },
  "GET /get/range/ore": { status: 200, text: RANGE },
  "GET /get/key/cpabe-pk": { status: 200, text: PICKLE },
};
const BACKEND: Readonly<Record<string, Answer>> = {
  "GET /": { status: 200, text: "up" },
  "POST /add/enc-data": { status: 201 },
};
const POLICY = { default: { abe_pol: "research" }, index: { exact: [{ match: "ip" }] } };

let sandbox: Sandbox;
let kms: Scripted;
let backend: Scripted;
before(async () => {
  sandbox = await Sandbox.open();
  kms = await Scripted.start(sandbox, KMS);
  backend = await Scripted.start(sandbox, BACKEND);
});
after(() => sandbox.close());
beforeEach(async () => {
  for (const each of [kms, backend]) {
    await each.answer({});
    await each.asked();
  }
});

const configText = (changes: Partial<ModuleConfig> = {}) =>
  renderModuleConfig({
    kmsUrl: `http://${kms.box.name}:5000`,
    backendUrl: `http://${backend.box.name}:5000`,
    user: "alice",
    password: "open sesame",
    token: TOKEN,
    policy: POLICY,
    ...changes,
  });

interface Options {
  readonly secrets?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, string>>;
}

async function run(text = configText(), { secrets, ...options }: Options = {}): Promise<Box> {
  return sandbox.run(COLLECTOR, {
    user: OWNER,
    port: 8080,
    volumes: { "/secrets": secrets ?? (await sandbox.ownVolume(OWNER)) },
    ...options,
    files: { "/config.yaml": text, ...options.files },
  });
}

const READY = "Ready, waiting for new connetions...\n";

async function started(text = configText(), options: Options = {}): Promise<Box> {
  const box = await run(text, options);
  await box.until(async () => (await box.logs()).includes(READY.trim()));
  return box;
}

/** What it said about records. Docker's log has no line before that is whole, so it must have ended. */
const said = async (box: Box) => (await box.logs()).split(READY)[1]?.trim() ?? "";

/** Ends it, and gives what it said about records. */
async function words(box: Box): Promise<string> {
  await box.signal("INT");
  assert.equal(await box.exit(), 0);
  return (await said(box)).replace(/\n?Exiting: waiting for threads.*$/, "");
}

/** Its exit code and what it said. Its two streams may come in any order. */
async function failure(text: string, options?: Options) {
  const box = await run(text, options);
  const code = await box.exit();
  const logs = await box.logs();
  return { code, logs, lines: logs.split("\n") };
}

/** Sends a record, and waits for the end of the connection. */
async function send(box: Box, record: unknown): Promise<void> {
  const [host = "", port] = (await box.address()).split(":");
  const text = typeof record === "string" ? record : JSON.stringify(record);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host, port: Number(port), allowHalfOpen: true });
    socket.on("error", reject).on("end", resolve).resume();
    socket.end(text);
  });
}

const whats = async (server: Scripted) => (await server.asked()).map(({ what }) => what);
const posted = async () => (await backend.asked()).flatMap(({ record }) => record ?? []);

describe("the start of the demo collector", () => {
  it("tests password and token, fetches the keys that it lacks, and keeps them", async () => {
    const secrets = await sandbox.ownVolume(OWNER);
    const box = await started(configText(), { secrets });
    assert.match(await box.logs(), /^Basic auth: enabled$/m);
    const asked = await kms.asked();
    assert.deepEqual(
      asked.map(({ what }) => what),
      [
        ...["GET /", "GET /user/me", "GET /get/key/de", "GET /get/key/ore"],
        ...["GET /get/range/ore", "GET /get/key/cpabe-pk"],
      ],
    );
    assert.ok(asked.every(({ basic }) => basic === BASIC));
    assert.ok(asked.slice(1).every(({ token }) => token === `Bearer ${TOKEN}`));
    assert.deepEqual(await whats(backend), ["GET /"]);
    const list = async () => (await box.exec("ls", "/secrets")).output.split("\n");
    // Never the user's own key: a collector only encrypts.
    assert.deepEqual(await list(), ["cpabe_pub.bin", "de.bin", "ore.bin", "ore_params.bin"]);
    await box.signal("INT");
    assert.equal(await box.exit(), 0);

    await started(configText(), { secrets });
    assert.deepEqual(await whats(kms), ["GET /", "GET /user/me"]);
  });

  it("ends with code 1 and the same words for a wrong password and a service that is away", async () => {
    const cases: [server: Scripted, what: string, status: number, last: string][] = [
      [kms, "GET /", 401, "Test failed: KMS basic auth. quiting."],
      [kms, "GET /", 502, "Test failed: KMS basic auth. quiting."],
      [backend, "GET /", 502, "Test failed: backend basic auth. quiting."],
      [
        ...([kms, "GET /user/me", 422] as const),
        "Test failed: bad kms_access_key, KMS server could also be down.",
      ],
    ];
    for (const [server, what, status, last] of cases) {
      await server.answer({ [what]: { status } });
      const found = await failure(configText());
      assert.equal(found.code, 1);
      assert.ok(found.lines.includes(last), found.logs);
      await server.answer({});
    }
    const nowhere = await failure(configText({ kmsUrl: "http://nowhere:5000" }));
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.logs, /Traceback/);
  });

  it("does not look at the Backend without basic auth", async () => {
    await backend.answer({ "GET /": { status: 502 } });
    const box = await started(configText().replace(/^basic_auth:\n.*\n.*\n/m, ""));
    assert.match(await box.logs(), /^Basic auth: disabled$/m);
    assert.deepEqual(await whats(backend), []);
    assert.ok((await kms.asked()).every(({ basic }) => basic === null));
  });

  it("takes a user without a password for no basic auth, and blames the token", async () => {
    await kms.answer({ "GET /user/me": { status: 401 } });
    const half = configText().replace(/^ {2}pass: .*\n/m, "");
    const { code, logs, lines } = await failure(half);
    assert.equal(code, 1);
    assert.match(logs, /^Basic auth: disabled$/m);
    assert.ok(lines.includes("Test failed: bad kms_access_key, KMS server could also be down."));
    const [asked] = await kms.asked();
    assert.deepEqual([asked?.what, asked?.basic], ["GET /user/me", null]);
  });

  it("believes the authorities in REQUESTS_CA_BUNDLE, and no others", async () => {
    make("corporate", { extensions: AUTHORITY });
    make("services", { by: "corporate", extensions: server("DNS:services.example.org") });
    const pem = read("services.key") + read("services.pem");
    const tls = { alias: "services.example.org", pem };
    await Scripted.start(sandbox, { ...KMS, ...BACKEND }, tls);
    const url = "https://services.example.org:5000";
    const text = configText({ kmsUrl: url, backendUrl: url });
    const distrusting = await failure(text);
    assert.equal(distrusting.code, 1);
    assert.match(distrusting.logs, /CERTIFICATE_VERIFY_FAILED/);
    await started(text, {
      environment: { REQUESTS_CA_BUNDLE: "/ca.pem" },
      files: { "/ca.pem": read("corporate.pem") },
    });
  });

  it("needs its key files, URLs and token in config.yaml, and takes a wrong number for the default", async () => {
    for (const key of ["kms", "kms_access_key", "key_files"]) {
      const without = configText().replace(new RegExp(`^${key}:.*\n(?: .*\n)*`, "m"), "");
      const { code, logs, lines } = await failure(without);
      assert.equal(code, 1);
      assert.ok(lines.includes(`KeyError: '${key}'`), logs);
    }
    const odd = configText()
      .replace(/max_post_retries: \d+/, "max_post_retries: many")
      .replace(/enc_worker_threads: \d+/, "enc_worker_threads: 0")
      .replace(/web_conn_listen: \d+/, "web_conn_listen: -1");
    await backend.answer({ "POST /add/enc-data": { status: 500 } });
    const box = await started(odd);
    await send(box, { ip: "192.0.2.1" });
    assert.equal(await words(box), "NREL", "it doesn't try again");
  });

  it("says that it is a demo", async () => {
    const box = await run();
    await box.until(async () => (await box.logs()).includes("stand-in: demo, not for real data"));
    const labels = await sandbox.docker("inspect", "--format={{json .Config.Labels}}", COLLECTOR);
    assert.match(labels, /"org\.opencontainers\.image\.title":"[^"]*\(demo\)"/);
  });
});

describe("the demo collector's key files", () => {
  const bad = { status: 502, text: "<html>Bad Gateway</html>" };
  const inVolume = (secrets: string, script: string) =>
    sandbox.docker(
      ...["run", "--rm", `--volume=${secrets}:/secrets`, "--user=0:0", "--entrypoint=sh"],
      ...[COLLECTOR, "-c", script],
    );

  it("keep an error page as a key, with which records are stored that nobody finds", async () => {
    const secrets = await sandbox.ownVolume(OWNER);
    await kms.answer({ "GET /get/key/de": bad });
    const poisoned = await started(configText(), { secrets });
    await poisoned.signal("INT");
    await poisoned.exit();
    await kms.answer({});
    const again = await started(configText(), { secrets });
    assert.equal(await inVolume(secrets, "cat /secrets/de.bin"), bad.text);
    await send(again, { ip: "192.0.2.1" });
    assert.deepEqual(
      (await posted()).map(({ index }) => index),
      [[null]],
    );
    assert.match(await words(again), /ValueError: RSA key format is not supported/);

    await inVolume(secrets, "rm /secrets/de.bin");
    const cured = await started(configText(), { secrets });
    await send(cured, { ip: "192.0.2.1" });
    const [record] = await posted();
    assert.match(record?.index.join() ?? "", /^[0-9a-f]{64}$/);
  });

  it("are not written of an answer that can't be read", async () => {
    const cases: [what: string, file: string, name: string][] = [
      ["GET /get/range/ore", "ore_params.bin", "ORE parameters"],
      ["GET /get/key/cpabe-pk", "cpabe_pub.bin", "CPABE Public Key"],
    ];
    for (const [what, file, name] of cases) {
      const secrets = await sandbox.ownVolume(OWNER);
      await kms.answer({ [what]: bad });
      const { code, logs, lines } = await failure(configText(), { secrets });
      assert.equal(code, 1);
      const url = `http://${kms.box.name}:5000`;
      assert.ok(lines.includes(`Could not fetch ${name} from KMS server(${url})`), logs);
      assert.equal((await inVolume(secrets, "ls /secrets")).split("\n").includes(file), false);
    }
  });

  it("must be writable", async () => {
    const box = await sandbox.run(COLLECTOR, {
      user: OWNER,
      files: { "/config.yaml": configText() },
    });
    assert.equal(await box.exit(), 1);
    assert.match(await box.logs(), /^Could not fetch DE key from KMS server\(/m);
  });
});

describe("the demo collector's records", () => {
  it("are sent in the shape that the policy says", async () => {
    const box = await started(
      configText({
        policy: {
          default: { de_encrypt: false, abe_pol: "default" },
          index: { exact: [{ match: "ip" }], regex: [{ match: ".*src.*" }, { match: "i.*" }] },
          timestamp: { exact: ["time"], regex: [".*when"] },
          exact: [
            { match: "hours", de_encrypt: true, abe_pol: "itops AND research" },
            { match: "frequency", remove: true },
          ],
          regex: [{ match: "ssn.*", remove: true }],
        },
      }),
    );
    await send(box, {
      ...{ ip: "192.0.2.1", src: "192.0.2.2", time: 1000, "first-when": "1970-01-01T01:00:00Z" },
      ...{ when: "yesterday", hours: 3, frequency: 4, ssn: 5, other: null },
    });
    const [record, ...more] = await backend.asked().then((asked) => asked.slice(1));
    assert.deepEqual(
      [record?.what, record?.basic, record?.token],
      ["POST /add/enc-data", BASIC, null],
    );
    assert.deepEqual(more, []);
    // A field that a rule has found already is not looked at by the next one.
    assert.equal(record?.record?.index.length, 2);
    assert.deepEqual(record.record.timestamp, [1000, 3600]);
    assert.deepEqual(record.record.de, ["hours"]);
    assert.deepEqual(record.record.cpabe, {
      ip: ["default", "192.0.2.1"],
      src: ["default", "192.0.2.2"],
      time: ["default", 1000],
      "first-when": ["default", "1970-01-01T01:00:00Z"],
      when: ["default", "yesterday"],
      hours: ["itops AND research", 3],
      other: ["default", null],
    });
  });

  it("have what no rule matches only with a default policy", async () => {
    const box = await started(configText({ policy: { index: POLICY.index } }));
    await send(box, { ip: "192.0.2.1", text: "lost" });
    assert.deepEqual(
      (await posted()).map(({ cpabe }) => cpabe),
      [{}],
    );
    assert.match(await words(box), /'ALL or PUBLIC or DEFAULT' is being used as default fallback/);
  });

  it("lose their times if the KMS's range came as a fraction", async () => {
    const range = RANGE.replace(/\d{30,}/, "3.402823669209385e+38");
    await kms.answer({ "GET /get/range/ore": { status: 200, text: range } });
    const box = await started(
      configText({ policy: { ...POLICY, timestamp: { exact: ["time"] } } }),
    );
    await send(box, { ip: "192.0.2.1", time: 1000 });
    assert.deepEqual(
      (await posted()).map(({ timestamp }) => timestamp),
      [null],
    );
    assert.match(await words(box), /ValueError: invalid range limits/);
  });

  it("are told by letters: N R E P, and F and L for one that the Backend refuses", async () => {
    const box = await started();
    await send(box, { ip: "192.0.2.1" });
    await backend.asked();
    await backend.answer({ "POST /add/enc-data": { status: 413 } });
    await send(box, { ip: "192.0.2.2" });
    // Six tries without a pause, and then it is lost.
    assert.deepEqual(await whats(backend), Array<string>(6).fill("POST /add/enc-data"));
    assert.equal(await words(box), "NREPNREFFFFFL");
  });

  it("are dropped where they are none, or have no index", async () => {
    const box = await started();
    await send(box, { text: "nothing to find it by" });
    for (const none of ["", "{", "\xff", "[1]"]) {
      await send(box, none);
    }
    await send(box, { ip: "192.0.2.1" });
    assert.equal((await posted()).length, 1, "it goes on");
    const said = await words(box);
    assert.match(said, /^NRskiping, no index created\nE/);
    assert.match(said, /JSONDecodeError/);
  });

  it("vanish at a redirect, and count as stored", async () => {
    await backend.answer({
      "POST /add/enc-data": { status: 301, location: `http://${backend.box.name}:5000/` },
    });
    const box = await started();
    await backend.asked();
    await send(box, { ip: "192.0.2.1" });
    assert.equal(await words(box), "NREP");
    const asked = await backend.asked();
    assert.deepEqual(
      asked.map(({ what, record }) => [what, record !== undefined]),
      [
        ["POST /add/enc-data", true],
        ["GET /", false],
      ],
    );
  });

  it("are in the log in clear, with token and password, if that is asked for", async () => {
    const debug = { print_incoming_record: true, print_policy_config: true };
    const box = await started(configText({ debug }));
    await send(box, { ip: "192.0.2.1" });
    const logs = await box.logs();
    assert.ok([TOKEN, "open sesame", "'192.0.2.1'"].every((text) => logs.includes(text)));
    const quiet = await started();
    await send(quiet, { ip: "192.0.2.1" });
    const less = await quiet.logs();
    assert.ok([TOKEN, "open sesame", "192.0.2.1"].every((text) => !less.includes(text)));
  });

  it("are not sent, or it ends after one, if that is asked for", async () => {
    const keeping = await started(configText({ debug: { do_not_post_data: true } }));
    await send(keeping, { ip: "192.0.2.1" });
    assert.deepEqual(await posted(), []);
    assert.equal(await words(keeping), "NREL");
    const once = await started(configText({ debug: { process_only_one: true } }));
    await send(once, { ip: "192.0.2.1" });
    assert.equal(await once.exit(), 0);
    assert.equal((await posted()).length, 1);
  });
});

describe("the end of the demo collector", () => {
  const slow = { "POST /add/enc-data": { status: 201, seconds: 6 } };
  /** Until the Backend works on the record. */
  const untilPosted = (box: Box) => box.until(async () => (await posted()).length === 1);

  it("on SIGINT stores what it has accepted, and loses what waits at its socket", async () => {
    const box = await started();
    await backend.answer(slow);
    const sent = send(box, { ip: "192.0.2.1" });
    await untilPosted(box);
    await box.signal("INT");
    await box.until(async () => (await box.logs()).includes("waiting for threads to finish"));
    // Until then it accepts one more.
    await sleep(1000);
    // The kernel lets it in. Nobody reads it, and it learns nothing but the end of its connection.
    const late = send(box, { ip: "192.0.2.2" }).catch(() => undefined);
    assert.equal(await box.exit(), 0);
    await Promise.all([sent, late]);
    assert.match(await said(box), /^NRE\nExiting: [^\n]*\n?P$/);
    assert.deepEqual(await posted(), []);
  });

  it("on a second SIGINT says that it is forced", async () => {
    const box = await started();
    await backend.answer(slow);
    const sent = send(box, { ip: "192.0.2.1" }).catch(() => undefined);
    await untilPosted(box);
    await box.signal("INT");
    await box.until(async () => (await box.logs()).includes("waiting for threads to finish"));
    await box.signal("INT");
    assert.equal(await box.exit(), 1);
    await sent;
    assert.match(await said(box), /Forced exiting now\.\.\./);
  });

  it("does not come on SIGTERM, as the first process: what it has is lost with SIGKILL", async () => {
    const box = await started();
    await backend.answer(slow);
    const sent = send(box, { ip: "192.0.2.1" }).catch(() => undefined);
    await untilPosted(box);
    await box.signal("TERM");
    await sleep(1000);
    assert.equal(await box.isRunning(), true);
    await sandbox.docker("stop", "--time=1", box.name);
    await sent;
    assert.equal(await box.exit(), 137);
    assert.doesNotMatch(await said(box), /P/);
  });
});
