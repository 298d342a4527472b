/** What the doctor makes of what it sees. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ContainerFacts, containerFindings, illnesses } from "../../cli/doctor/containers.ts";
import { engineFindings } from "../../cli/doctor/engine.ts";
import { hardeningFindings } from "../../cli/doctor/hardening.ts";
import { type Finding, renderFindings, verdict } from "../../cli/doctor/finding.ts";
import { type Outside, outsideChecks } from "../../programs/smoke/outside.ts";

const well: ContainerFacts = {
  Name: "/kms",
  RestartCount: 0,
  HostConfig: { Memory: 0 },
  State: { Status: "running", ExitCode: 0, OOMKilled: false, Health: { Status: "healthy" } },
};
const state = (changes: Partial<ContainerFacts["State"]>): ContainerFacts => ({
  ...well,
  State: { ...well.State, ...changes },
});
const GOOD_ENGINE = { version: "28.2.2", clockAhead: 0.4 };

describe("an engine", () => {
  it("that is fine is only said to answer", () => {
    const good = [{ level: "good", about: "engine", text: "Docker 28.2.2 answers" }];
    assert.deepEqual(engineFindings(GOOD_ENGINE), good);
    assert.deepEqual(engineFindings({ version: "28.2.2", clockAhead: -30 }), good);
  });

  const second = (changes: Partial<typeof GOOD_ENGINE>) =>
    engineFindings({ ...GOOD_ENGINE, ...changes }).slice(1);

  it("before Docker 28 lets neighbours reach loopback ports, which is reported with the remedy", () => {
    const [note, ...more] = second({ version: "27.5.1" });
    assert.deepEqual(more, []);
    assert.equal(note?.level, "note");
    assert.match(note.text, /^before Docker 28, .*moby#45610\): upgrade, or add the firewall rule/);
    assert.deepEqual(second({ version: "29.0.0-rc.1" }), []);
  });

  it("has a clock that is right", () => {
    assert.deepEqual(second({ clockAhead: 45 }), [
      {
        level: "fault",
        about: "clock",
        text: "the engine's clock is 45 s ahead of this machine's, so new certificates and tokens may not be valid yet: synchronise both (NTP)",
      },
    ]);
    assert.match(second({ clockAhead: -3600 })[0]?.text ?? "", /is 3600 s behind this machine's/);
  });
});

describe("containers", () => {
  const illness = (found?: ContainerFacts) =>
    illnesses(["kms"], new Map(found ? [["kms", found]] : [])).get("kms");

  it("are fine while they run and are healthy, or have no health check", () => {
    assert.equal(illness(well), undefined);
    assert.equal(
      illness({ ...well, State: { Status: "running", ExitCode: 0, OOMKilled: false } }),
      undefined,
    );
  });

  it("are reported otherwise, each with what is wrong and what to do", () => {
    const cases: [ContainerFacts | undefined, string][] = [
      [undefined, "kms is gone: `npm run up` creates it again"],
      [
        state({ Status: "paused" }),
        "kms is paused: `docker unpause kms`, or `npm run up` creates it again",
      ],
      [
        state({ Status: "exited", ExitCode: 3 }),
        "kms is exited (exit code 3): see `docker logs kms`; `npm run up` creates it again",
      ],
      [
        state({
          Status: "exited",
          ExitCode: 128,
          Error:
            "driver failed programming external connectivity on endpoint kms (46ce): Error starting userland proxy: listen tcp4 192.0.2.10:443: bind: cannot assign requested address",
        }),
        'kms is exited: the engine\'s machine does not have the address 192.0.2.10 (yet), for example after a reboot: once it has, run `docker start kms`; docs/guide.md, "After a reboot", has a unit that does so',
      ],
      [
        state({
          Status: "created",
          ExitCode: 128,
          Error: "listen tcp6 [2001:db8::1]:443: bind: cannot assign requested address",
        }),
        'kms is created: the engine\'s machine does not have the address 2001:db8::1 (yet), for example after a reboot: once it has, run `docker start kms`; docs/guide.md, "After a reboot", has a unit that does so',
      ],
      ...[
        ["listen tcp4 0.0.0.0:443: bind: address already in use", "0.0.0.0:443"],
        ["listen tcp6 [::1]:443: bind: address already in use", "[::1]:443"],
        // Docker 27 and 28.
        [
          "failed to bind host port for 127.0.0.1:443:10.1.0.2:8443/tcp: address already in use",
          "127.0.0.1:443",
        ],
        ["failed to bind host port 127.0.0.1:443/tcp: address already in use", "127.0.0.1:443"],
      ].map(([error = "", port = ""]): [ContainerFacts, string] => [
        state({
          ...{ Status: "exited", ExitCode: 128 },
          Error: `driver failed programming external connectivity on endpoint kms (46ce): Error starting userland proxy: ${error}`,
        }),
        `kms is exited: another program holds ${port}: end it (\`ss -ltnp\` on the engine's machine shows it), and then run \`docker start kms\``,
      ]),
      [
        state({ Status: "exited", ExitCode: 128, Error: "port is already allocated" }),
        "kms is exited: the engine could not start it (port is already allocated): fix the cause, and then run `docker start kms`",
      ],
      [
        state({ Status: "restarting", ExitCode: 139 }),
        "kms is restarting (exit code 139: it crashed (SIGSEGV)): see `docker logs kms`; `npm run up` creates it again",
      ],
      [
        state({ Status: "restarting", OOMKilled: true, ExitCode: 137 }),
        "kms is restarting (it exceeded its memory limit): see `docker logs kms`; `npm run up` creates it again",
      ],
      [
        state({
          Health: { Status: "unhealthy", Log: [{ Output: "old" }, { Output: "no\nmore" }] },
        }),
        "kms is unhealthy (no): see `docker logs kms`",
      ],
      [
        state({ Health: { Status: "starting", Log: null } }),
        "kms is starting: see `docker logs kms`",
      ],
    ];
    for (const [found, text] of cases) {
      assert.equal(illness(found), text);
    }
  });

  it("are counted, and restarts are reported", () => {
    const found = new Map([
      ["kms", { ...well, RestartCount: 2 }],
      ["proxy", { ...well, RestartCount: 1 }],
    ]);
    const ill = illnesses(["kms", "proxy", "backend"], found);
    assert.deepEqual(
      containerFindings(["kms", "proxy", "backend"], found, ill).map(({ level, text }) => [
        level,
        text,
      ]),
      [
        ["good", "2 run and are healthy"],
        ["note", "kms ended and was restarted 2 times: see `docker logs kms`"],
        ["note", "proxy ended and was restarted once: see `docker logs proxy`"],
        ["fault", "backend is gone: `npm run up` creates it again"],
      ],
    );
    assert.deepEqual(containerFindings(["x"], new Map(), illnesses(["x"], new Map())).length, 1);
  });
});

describe("hardening", () => {
  const violation = {
    rule: "5.28",
    container: "cybexp-dev-kms",
    role: "kms",
    what: "has no limit",
  };

  it("is fine if each violation is accepted, with its reason", () => {
    const good = {
      level: "good",
      about: "hardening",
      text: "as the CIS Docker Benchmark recommends (docs/cis.md)",
    };
    assert.deepEqual(hardeningFindings([]), [good]);
    assert.deepEqual(hardeningFindings([{ ...violation, reason: "because" }]), [good]);
  });

  it("reports what was opened since, and how to close it", () => {
    assert.deepEqual(hardeningFindings([violation, { ...violation, reason: "because" }]), [
      {
        level: "fault",
        about: "hardening",
        text: "cybexp-dev-kms has no limit (CIS Docker 5.28): `docker rm -f cybexp-dev-kms`, and `npm run up` creates it again",
      },
    ]);
  });
});

describe("a check from outside", () => {
  const input: Outside = {
    deployment: "d",
    labels: "cybexp",
    serverName: "localhost",
    serverNames: [],
    serverCa: "",
    credential: { user: "", password: "" },
    doors: [
      { name: "kms", port: 5002, access: "password" },
      { name: "backend", port: 5001, access: "password" },
    ],
    databases: [
      { container: "cybexp-dev-kms-db", uri: "" },
      { container: "cybexp-dev-backend-db", uri: "" },
    ],
    listeners: [],
  };

  it("leaves out what can only fail because a container is unhealthy", () => {
    const left = (...ill: string[]) =>
      outsideChecks(input)
        .filter(({ needs }) => !ill.some(needs))
        .map(({ title }) => title);
    const databases = ["database cybexp-dev-kms-db", "database cybexp-dev-backend-db"];
    assert.deepEqual(left(), [...databases, "door to kms", "door to backend", "open ports"]);
    assert.deepEqual(left("cybexp-dev-proxy"), databases);
    assert.deepEqual(left("cybexp-dev-kms"), [...databases, "door to backend"]);
    assert.deepEqual(left("cybexp-dev-kms-db"), [databases[1], "door to backend"]);
  });
});

describe("the doctor's report", () => {
  const findings: Finding[] = [
    { level: "fault", about: "clock", text: "wrong" },
    { level: "good", about: "engine", text: "fine" },
    { level: "note", about: "config", text: "hm" },
    { level: "fault", about: "disk", text: "full" },
  ];

  it("has what is wrong last, where it is seen", () => {
    assert.equal(
      renderFindings(findings),
      "  ✔ engine  fine\n  ! config  hm\n  ✖ clock   wrong\n  ✖ disk    full\n",
    );
    assert.equal(renderFindings([]), "");
  });

  it("ends with a verdict", () => {
    assert.equal(verdict(findings), "2 faults, 1 note.");
    assert.equal(verdict(findings.slice(0, 2)), "1 fault.");
    assert.equal(verdict(findings.slice(1, 2)), "All is well.");
  });
});
