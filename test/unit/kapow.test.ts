/** What a stack may say of a Kapow! server, and what becomes its command line. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { execa } from "execa";
import { kapowArguments, kapowHealthCheck } from "../../render/kapow.ts";
import { declaredListeners } from "../../settings/listeners.ts";
import { notices } from "../../settings/notices.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import type { Settings } from "../../settings/types.ts";
import { kapowServerName, urlsOf } from "../../settings/urls.ts";

const INIT = "#!/bin/sh\nkapow route add /health -c true\n";

const least = {
  image: "cybexp-demo/kapow:1",
  listen: 5003,
  init: INIT,
  healthRoute: "/health",
};

/** With a door at the proxy and no port of its own. */
function behind(door: unknown) {
  const { image, init, healthRoute } = least;
  return { image, init, healthRoute, ...(door !== undefined && { door }) };
}

function read(
  kapow: unknown,
  proxyAddress = "127.0.0.1",
  clients: unknown = [],
  more: Readonly<Record<string, unknown>> = {},
): Settings {
  return readSettings({
    stack: "dev",
    secretKeys: new Set(),
    values: {
      kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 },
      backend: { image: "cybexp-demo/backend:1", bind: "127.0.0.1:5011", listen: 5001 },
      database: { image: "cybexp-demo/mongo:1" },
      proxy: { image: "cybexp-demo/nginx:1", serverName: "localhost", address: proxyAddress },
      users: [{ name: "collector" }],
      clients,
      ...(kapow !== undefined && { kapow }),
      ...more,
    },
  });
}

function problemsOf(...args: Parameters<typeof read>): string[] {
  try {
    read(...args);
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems.map(({ path, reason, remedy }) => `${path}: ${reason} ${remedy}`);
  }
  return assert.fail("the configuration was accepted");
}

describe("a stack's Kapow!", () => {
  it("is none unless the config has one; an empty map is none", () => {
    for (const none of [undefined, {}]) {
      const settings = read(none);
      assert.ok(!("kapow" in settings));
      assert.deepEqual(
        declaredListeners(settings).filter(({ role }) => role === "kapow"),
        [],
      );
    }
  });

  it("listens on loopback unless the config says otherwise", () => {
    const settings = read(least);
    assert.deepEqual(settings.kapow, {
      ...least,
      address: "127.0.0.1",
      serverNames: [],
      program: "kapow",
      egress: false,
      resources: {},
    });
    assert.deepEqual(declaredListeners(settings).at(-1), {
      role: "kapow",
      address: "127.0.0.1",
      port: 5003,
    });
  });

  it("takes what the config says, also as text", () => {
    const all = {
      ...least,
      address: "192.0.2.10",
      listen: "443",
      serverName: "Kapow.Example.EDU",
      serverNames: ["192.0.2.7"],
      init: "/opt/kapow/init.sh",
      program: "/kapow",
      egress: "true",
      resources: { memory: "64", cpus: 2, pids: 100 },
    };
    assert.deepEqual(read(all).kapow, {
      ...all,
      listen: 443,
      serverName: "kapow.example.edu",
      egress: true,
      resources: { memory: 64, cpus: 2, pids: 100 },
    });
  });

  it("is refused without what it needs", () => {
    assert.deepEqual(
      problemsOf({ egress: true }).map((problem) => problem.split(":", 2).join(":")),
      ["cybexp:kapow.door", "cybexp:kapow.healthRoute", "cybexp:kapow.image", "cybexp:kapow.init"],
    );
    assert.deepEqual(problemsOf(behind(undefined)), [
      "cybexp:kapow.door: Nobody could reach Kapow!: it needs a door at the proxy or a port of its own. " +
        'Set it, for example to "listen: 5003", or set cybexp:kapow.listen.',
    ]);
    for (const odd of [[], "text", null, 1]) {
      assert.equal(problemsOf(odd).length, 1, JSON.stringify(odd));
    }
  });

  it("is behind the proxy, with a port of its own or without", () => {
    const settings = read(behind({ listen: "5004" }), "192.0.2.1");
    assert.deepEqual(settings.kapow?.door, { listen: 5004, access: "certificate" });
    assert.ok(!("listen" in settings.kapow));
    assert.deepEqual(
      declaredListeners(settings).filter(({ role }) => role === "kapow"),
      [],
    );
    assert.deepEqual(declaredListeners(settings).at(-1), {
      role: "proxy",
      address: "192.0.2.1",
      port: 5004,
    });
    const both = read({ ...least, door: { listen: 5004, access: "either" } });
    assert.deepEqual(both.kapow?.door, { listen: 5004, access: "either" });
    assert.deepEqual(
      declaredListeners(both)
        .slice(-2)
        .map(({ role, port }) => [role, port]),
      [
        ["proxy", 5004],
        ["kapow", 5003],
      ],
    );
    assert.deepEqual(problemsOf(behind({ listen: 5002, access: "open" })), [
      'cybexp:kapow.door.access: Allowed: one of "password", "certificate", "either", "both". Write one of them.',
      "cybexp:kapow.door.listen: Port 5002 is used twice: cybexp:kms.listen already listens on it. Give one of the two another port.",
    ]);
  });

  it("is called by its own name and port, or through the proxy if it has a door there", () => {
    const { kapow, ...others } = urlsOf(read(undefined));
    assert.deepEqual(others, { kms: "https://localhost:5002", backend: "https://localhost:5001" });
    assert.equal(kapow, undefined);
    const named = { ...least, serverName: "routes.example.edu" };
    assert.equal(urlsOf(read(named)).kapow, "https://routes.example.edu:5003");
    assert.equal(kapowServerName(read(named)), "routes.example.edu");
    assert.equal(
      urlsOf(read({ ...named, door: { listen: 5004 } })).kapow,
      "https://localhost:5004",
    );
    assert.equal(kapowServerName(read(least)), "localhost");
  });

  it("says so if nobody can call it through the proxy", () => {
    assert.deepEqual(notices(read(behind({ listen: 5004 })), "2026-06-15"), [
      {
        due: true,
        text: "nobody can call Kapow! through the proxy: cybexp:kapow.door.access is certificate, but cybexp:clients has no client that is not revoked",
      },
    ]);
    const clients = [{ name: "ann" }];
    assert.deepEqual(
      notices(read(behind({ listen: 5004 }), "127.0.0.1", clients), "2026-06-15"),
      [],
    );
  });

  it("is refused on a port that is taken", () => {
    const twice = (first: string) =>
      `cybexp:kapow.listen: Port 5002 is used twice: cybexp:${first} already listens on it. Give one of the two another port.`;
    assert.deepEqual(problemsOf({ ...least, listen: 5002 }), [twice("kms.listen")]);
    assert.deepEqual(problemsOf({ ...least, listen: 5002, address: "192.0.2.10" }, "0.0.0.0"), [
      twice("kms.listen"),
    ]);
    assert.equal(read({ ...least, listen: 5002, address: "192.0.2.10" }).kapow?.listen, 5002);
  });

  it("lets revoked clients in, and says so", () => {
    const clients = [
      { name: "ann" },
      { name: "rob", revoked: true },
      { name: "tim", revoked: true },
    ];
    const told = (kapow: unknown, list: unknown) =>
      notices(read(kapow, "127.0.0.1", list), "2026-06-15");
    assert.deepEqual(told(least, clients), [
      {
        due: false,
        text: "Kapow! knows no revocation: on its own port it still accepts the certificates of rob, tim from before the last change of cybexp:rotation.clientCaRetired (docs/kapow.md)",
      },
    ]);
    assert.deepEqual(told(least, clients.slice(0, 1)), []);
    assert.deepEqual(told(behind({ listen: 5004 }), clients), []);
    assert.deepEqual(told(undefined, clients), []);
  });

  it("says so if its names can't lead both to it and to what proves them by HTTP", () => {
    const kapow = { ...least, serverName: "routes.example.edu", serverNames: ["r.example.edu"] };
    const told = (address: string, acme: object = {}, source = "acme") => {
      const image = "certbot/certbot:v5.8.0";
      const settings = read({ ...kapow, address }, undefined, undefined, {
        certificates: { source, acme: { image, email: "ops@example.edu", ...acme } },
        proxy: { image: "nginx:1.30.4", serverName: "a.example.edu", address: "192.0.2.10" },
      });
      return notices(settings, "2026-06-15").map(({ due, text }) => `${due} ${text}`);
    };
    assert.deepEqual(told("192.0.2.20"), [
      "false the certificate authority looks for routes.example.edu, r.example.edu at port 80 of cybexp:proxy.address (192.0.2.10), and Kapow! listens at cybexp:kapow.address (192.0.2.20): if a name leads to one only, set both to the same address, or certificates.acme.challenge to dns",
    ]);
    assert.equal(told("127.0.0.1").length, 1);
    assert.deepEqual(told("192.0.2.10"), []);
    assert.deepEqual(told("0.0.0.0"), []);
    assert.deepEqual(told("192.0.2.20", {}, "generated"), []);
    assert.deepEqual(told("192.0.2.20", { httpPort: 8080 }), []);
    const dns = { challenge: "dns", dns: { plugin: "route53" } };
    assert.deepEqual(told("192.0.2.20", dns), []);
  });

  it("has an init program that can be executed", () => {
    const reasonOf = (init: unknown) => problemsOf({ ...least, init }).join();
    for (const init of ["#! /usr/bin/env python3\n", "/init", "/a-b/c.d_e"]) {
      assert.equal(read({ ...least, init }).kapow?.init, init);
    }
    for (const init of ["kapow route add /", "init.sh", "#!sh\n", "", "/a b", "/a/", "#! \n"]) {
      assert.match(reasonOf(init), /^cybexp:kapow\.init: The text must start with #! and name/);
    }
    assert.match(reasonOf(INIT.replaceAll("\n", "\r\n")), /init: It has Windows line endings,/);
    assert.match(
      reasonOf(`${INIT}\0`),
      /init: It is longer than 65536 characters, or is not text\./,
    );
    assert.match(
      reasonOf(INIT.padEnd(65_537)),
      /init: It is longer than 65536 characters, or is not text\./,
    );
    assert.match(reasonOf(1), /init: Allowed: a program's text/);
  });

  it("has a health check that asks a path, and a program that is a name or a path", () => {
    for (const healthRoute of ["/", "/a/b.c_d-e~"]) {
      assert.equal(read({ ...least, healthRoute }).kapow?.healthRoute, healthRoute);
    }
    for (const healthRoute of ["", "health", "/{name}", "/a?b", "/a b", "/$(id)", 1]) {
      assert.match(
        problemsOf({ ...least, healthRoute }).join(),
        /^cybexp:kapow\.healthRoute: Allowed: the path of a route/,
      );
    }
    for (const program of ["", "a b", "/a/", "./kapow", "a/b", "kapow server"]) {
      assert.match(
        problemsOf({ ...least, program }).join(),
        /^cybexp:kapow\.program: Allowed: a program's name/,
      );
    }
  });
});

describe("the command line of Kapow!", () => {
  it("has each flag with its sign, the authority's file, and the init program last", () => {
    assert.deepEqual(kapowArguments("/kapow/current", "/kapow/current/init"), [
      "server",
      "--bind=0.0.0.0:8080",
      "--certfile=/kapow/current/server.crt",
      "--keyfile=/kapow/current/server.key",
      "--clientauth=true",
      "--clientcafile=/kapow/current/client-ca.crt",
      "/kapow/current/init",
    ]);
  });

  it("takes no init program that would be read as a flag, or run by its name", () => {
    for (const init of ["--debug", "true", "", "/a b"]) {
      assert.throws(() => kapowArguments("/kapow", init), RangeError);
    }
    assert.throws(() => kapowArguments("kapow", "/init"), RangeError);
  });
});

describe("the health check of Kapow!", () => {
  const check = kapowHealthCheck("/kapow/current", "/health");

  it("is a program with arguments that no shell reads", () => {
    assert.deepEqual(
      [...check.slice(0, 2), ...check.slice(3)],
      [
        "/bin/sh",
        "-c",
        "health",
        "/kapow/current/health.crt",
        "/kapow/current/health.key",
        "https://127.0.0.1:8080/health",
        check[7],
      ],
    );
    assert.throws(() => kapowHealthCheck("/kapow", "/$(id)"), RangeError);
  });

  /** A folder with stand-ins for programs that write down how they are called. */
  function programs(t: TestContext, names: readonly string[], exitCode: number) {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-kapow-"));
    t.after(() => rmSync(folder, { recursive: true }));
    for (const name of names) {
      const [program = "", maker] = name.split("/");
      const file = join(folder, program);
      const version = `[ "$1" = --version ] && exit ${maker === "busybox" ? 1 : 0}\n`;
      const note = `printf '%s\\n' "${program} $*" > "${folder}/called"\nexit ${exitCode}\n`;
      writeFileSync(file, `#!/bin/sh\n${version}${note}`);
      chmodSync(file, 0o755);
    }
    return folder;
  }

  async function run(path: string) {
    const [shell = "", ...args] = check;
    return execa(shell, args, { env: { PATH: path }, extendEnv: false, reject: false });
  }

  const url = "https://127.0.0.1:8080/health";
  const files = ["/kapow/current/health.crt", "/kapow/current/health.key"] as const;
  const viaCurl = `curl -fsSk -m 4 -o /dev/null --cert ${files[0]} --key ${files[1]} ${url}\n`;
  const viaWget =
    "wget -q -T 4 -t 1 -O /dev/null --no-check-certificate " +
    `--certificate=${files[0]} --private-key=${files[1]} ${url}\n`;
  const viaPython = `python3 -I -S -c ${check[7]} ${files.join(" ")} ${url}\n`;
  for (const [present, called] of [
    [["curl", "wget", "python3"], viaCurl],
    [["wget", "python3"], viaWget],
    [["wget/busybox", "python3"], viaPython],
    [["python3"], viaPython],
  ] as const) {
    it(`calls ${called.split(" ")[0]} where there is ${present.join(" and ")}, and fails as it does`, async (t) => {
      for (const exitCode of [0, 22]) {
        const folder = programs(t, present, exitCode);
        assert.equal((await run(folder)).failed, exitCode !== 0);
        assert.equal(readFileSync(join(folder, "called"), "utf8"), called);
      }
    });
  }

  it("says so if there is none of them; busybox's wget does not count", async (t) => {
    for (const present of [[], ["wget/busybox"]]) {
      const result = await run(programs(t, present, 0));
      assert.equal(result.exitCode, 1);
      assert.equal(result.stderr, "the image has neither curl nor GNU wget or python3 to ask with");
    }
  });
});
