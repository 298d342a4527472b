/** Real images are not made for this stack: it runs them all the same, or says what they lack. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { execa } from "execa";
import { PROGRAMS, type ProgramName } from "../../names/programs.ts";
import { httpBody, httpHealthCheck, httpStatus } from "../../render/httpProbe.ts";
import {
  databaseNeeds,
  type ImageNeeds,
  proxyNeeds,
  serviceNeeds,
} from "../../render/imageNeeds.ts";
import { projectRoot } from "../../machine/paths.ts";
import { type Box, config, databaseUri, Sandbox } from "./sandbox.ts";
import { build, type UNKIND } from "./unkind.ts";

const SERVICE = "65532:65532";
const DATABASE = "999:999";
const PROXY = "101:101";

let sandbox: Sandbox;
const built: string[] = [];
before(async () => void (sandbox = await Sandbox.open()));
after(async () => {
  await sandbox.close();
  for (const name of built) {
    await sandbox.tryDocker("image", "rm", name);
  }
});

async function image(which: keyof typeof UNKIND): Promise<string> {
  const name = await build(sandbox, which);
  built.push(name);
  return name;
}

const idOf = (name: string) => sandbox.docker("image", "inspect", "--format={{.Id}}", name);

/** One of the programs that Pulumi runs. */
function run(program: ProgramName, input: object) {
  return execa(process.execPath, [`programs/${PROGRAMS[program]}.ts`], {
    cwd: projectRoot,
    input: JSON.stringify({ deployment: sandbox.id, ...input }),
    env: sandbox.env,
    reject: false,
  });
}

/** A volume as `up` makes and prepares it. */
async function prepared(owner: string, of: string): Promise<string> {
  const volume = `${sandbox.id}-${owner.replace(":", "-")}`;
  const labels = [`--label=${sandbox.id}`, `--label=cybexp.deployment=${sandbox.id}`];
  await sandbox.docker("volume", "create", ...labels, volume);
  const { exitCode, stderr } = await run("volume", { volume, owner, image: await idOf(of) });
  assert.equal(exitCode, 0, stderr);
  return volume;
}

describe("a KMS image whose /secrets is root's, with files in it and a VOLUME, and no wget", () => {
  let kms: Box;
  before(async () => {
    const name = await image("kms");
    const database = await sandbox.database();
    kms = await sandbox.run(name, {
      user: SERVICE,
      port: 5000,
      files: { "/config.yaml": config("kms", databaseUri(database.name)) },
      volumes: { "/secrets": await prepared(SERVICE, name) },
    });
  });

  it("passes its health check", async () => {
    await kms.until(async () => (await kms.exec(...httpHealthCheck(5000))).code === 0);
    const { code, output } = await kms.exec(...httpHealthCheck(5000));
    assert.deepEqual([code, output], [0, ""]);
  });

  it("writes its keys as its own user, into a folder that nobody else reads", async () => {
    const { output } = await kms.exec("sh", "-c", "cd /secrets; stat -c '%n %u:%g %a' . *");
    assert.deepEqual(output.split("\n"), [
      ". 65532:65532 700",
      "DE_key.pem 65532:65532 644",
      "ORE_key.bin 65532:65532 644",
      "cpabe-mk.binary 65532:65532 644",
      "cpabe-pk.binary 65532:65532 644",
    ]);
  });

  it("finds them, and none of the image's own files, after a restart", async () => {
    const list = () => kms.exec("sh", "-c", "cd /secrets; sha256sum *");
    const keys = await list();
    await kms.signal("INT");
    await kms.exit();
    await kms.restart();
    assert.deepEqual(await list(), keys);
    assert.doesNotMatch(keys.output, /decoy/);
  });
});

describe("a database image whose data folder and user are others", () => {
  it("starts, and keeps its data as its own user", async () => {
    const name = await image("database");
    const database = await sandbox.run(name, {
      user: DATABASE,
      files: { "/run/secrets/password": "p\n" },
      environment: {
        MONGO_INITDB_ROOT_USERNAME: "admin",
        MONGO_INITDB_ROOT_PASSWORD_FILE: "/run/secrets/password",
      },
      volumes: { "/data/db": await prepared(DATABASE, name) },
    });
    await database.until(async () => (await database.exec("ferretdb", "ping")).code === 0);
    const { output } = await database.exec("sh", "-c", "cd /data/db; stat -c '%n %u:%g' . *");
    assert.deepEqual(output.split("\n"), [". 999:999", "ferretdb 999:999"]);
  });
});

const NGINX = `daemon off; pid /tmp/pid; events {} http {
  access_log off; client_body_temp_path /tmp/a; proxy_temp_path /tmp/b; fastcgi_temp_path /tmp/c;
  uwsgi_temp_path /tmp/d; scgi_temp_path /tmp/e;
  server { listen 127.0.0.1:8081; location = /healthz { return 200 "ok\\n"; }
    location = /idle { try_files /nothing =204; } location = /busy { return 409; } } }`;

describe("a proxy image", () => {
  for (const which of ["proxyWithoutCurl", "proxyOnBusybox"] as const) {
    it(`is checked for everything that it needs: ${which}`, async () => {
      const name = await image(which);
      const proxy = await sandbox.run(name, {
        user: PROXY,
        files: { "/nginx.conf": NGINX },
        entrypoint: "nginx",
        command: ["-e", "stderr", "-c", "/nginx.conf"],
      });
      const health = (path: string) => proxy.exec(...httpHealthCheck(8081, path));
      await proxy.until(async () => (await health("/healthz")).code === 0);
      assert.deepEqual(await health("/healthz"), { code: 0, output: "" });
      const bad = await health("/busy");
      assert.equal(bad.code, 1);
      assert.match(bad.output, /409/);
      const question = (path: string) => ({ host: "127.0.0.1", port: 8081, path, seconds: 2 });
      for (const [path, status] of [
        ["/idle?upstream=kms:5000", "204"],
        ["/busy", "409"],
      ] as const) {
        assert.deepEqual(await proxy.exec(...httpStatus(question(path))), {
          code: 0,
          output: status,
        });
      }
      assert.deepEqual(await proxy.exec(...httpBody(question("/healthz"))), {
        code: 0,
        output: "ok",
      });

      const input = { image: await idOf(name), needs: proxyNeeds(PROXY) };
      const version = await run("nginx-version", input);
      assert.equal(version.stderr, "");
      assert.match(version.stdout, /^nginx version: nginx\//);
    });
  }
});

describe("what an image lacks", () => {
  const kms = serviceNeeds("kms", SERVICE);
  const cases: [which: keyof typeof UNKIND, needs: ImageNeeds, fault: string][] = [
    ["withoutShell", kms, "it has no shell (sh)"],
    ["withoutTar", kms, "it lacks tar; /config.yaml is a folder, but a file is mounted there"],
    ["closed", kms, "/kms-server/server.py, which it starts with, can't be read by that user"],
    ["closedFile", kms, "/kms-server/server.py, which it starts with, can't be read by that user"],
    [
      "withoutProgram",
      kms,
      "/usr/bin/python2, with which it starts, is not there or can't be executed",
    ],
    ["proxyOnBusybox", databaseNeeds("kms-db", DATABASE), "it lacks bash"],
  ];
  for (const [which, needs, fault] of cases) {
    it(`is reported before a container is made from it: ${which}`, async () => {
      const name = await image(which);
      const { exitCode, stderr } = await run("image-check", { image: await idOf(name), needs });
      assert.equal(
        stderr,
        `the image ${name} can't be run as ${needs.role} by the user ${needs.user}: ${fault}; ` +
          "what an image must have is in docs/images.md",
      );
      assert.equal(exitCode, 1);
    });
  }

  it("of Nginx is reported by the proxy's own check, all at once", async () => {
    const name = "cybexp-demo/kms:1";
    const input = { image: await idOf(name), needs: proxyNeeds(PROXY) };
    const { exitCode, stderr } = await run("nginx-version", input);
    assert.equal(exitCode, 1);
    assert.match(
      stderr,
      /^the image cybexp-demo\/kms:1 can't be run as proxy .*: it lacks nginx; /,
    );
  });

  it("is nothing in the demo images", async () => {
    for (const [name, needs] of [
      ["kms", kms],
      ["backend", serviceNeeds("backend", SERVICE)],
      ["mongo", databaseNeeds("kms-db", DATABASE)],
    ] as const) {
      const { stderr } = await run("image-check", {
        image: await idOf(`cybexp-demo/${name}:1`),
        needs,
      });
      assert.equal(stderr, "");
    }
  });
});
