/** Overlaps of old and new secrets, and the numbers that rotate them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, mock } from "node:test";
import fc from "fast-check";
import { passwordDigest } from "../../render/passwordDigest.ts";
import { parseDay } from "../../settings/days.ts";
import { Fault } from "../../settings/fault.ts";
import { notices } from "../../settings/notices.ts";
import { overlaps } from "../../settings/overlaps.ts";
import { readSettings } from "../../settings/read.ts";
import {
  consequences,
  jumps,
  type RotationNumbers,
  rotationNumbers,
} from "../../settings/rotationNumbers.ts";
import type { Settings } from "../../settings/types.ts";
import { announceRotation } from "../../stack/rotation.ts";
import { interpretState, type StackState } from "../../stack/state.ts";

/** The settings of a stack with these users and numbers. */
function settingsWith(
  users: readonly object[],
  rotation: object = {},
  more: { clients?: readonly object[]; access?: string } = {},
): Settings {
  return readSettings({
    stack: "dev",
    values: {
      kms: { image: "cybexp-demo/kms:1", bind: "127.0.0.1:5012", listen: 5002 },
      backend: {
        image: "cybexp-demo/backend:1",
        bind: "127.0.0.1:5011",
        listen: 5001,
        access: more.access ?? "password",
      },
      database: { image: "cybexp-demo/mongo:1" },
      proxy: { image: "cybexp-demo/nginx:1", serverName: "localhost", address: "127.0.0.1" },
      users,
      clients: more.clients ?? [],
      rotation,
    },
    secretKeys: new Set(),
  });
}

describe("an overlap", () => {
  for (const [generation, retired, expected] of [
    [1, 0, false],
    [2, 0, true],
    [2, 1, false],
    [3, 0, true],
    [3, 1, true],
    [3, 2, false],
  ] as const) {
    it(`${expected ? "lasts" : "is none"} at number ${generation} with ${retired} retired`, () => {
      assert.equal(overlaps(generation, retired), expected);
    });
  }
});

describe("notices", () => {
  const TODAY = "2026-06-15";
  const PASSWORD = "the previous password of collector (generation 2) is still valid";
  const RETIRE_PASSWORD = "to retire it, set retired: 2 for that user";
  const CA = "the previous server CA (number 3) is still valid";
  const RETIRE_CA =
    "to retire it, set cybexp:rotation.serverCaRetired to 3 once all clients have the new serverCa";

  it("are empty without an overlap", () => {
    const settings = settingsWith(
      [{ name: "collector" }, { name: "analyst", generation: 4, retired: 3, retireBy: TODAY }],
      { serverCa: 2, serverCaRetired: 1, serverCaRetireBy: TODAY, kmsDatabase: 3, kmsJwtKey: 2 },
    );
    assert.deepEqual(notices(settings, TODAY), []);
  });

  it("report each overlap for information, without a day and before it", () => {
    const settings = settingsWith(
      [{ name: "analyst" }, { name: "collector", generation: 3, retireBy: "2026-06-16" }],
      { serverCa: 4, serverCaRetired: 2 },
    );
    assert.deepEqual(notices(settings, TODAY), [
      { due: false, text: `${PASSWORD}: ${RETIRE_PASSWORD}` },
      { due: false, text: `${CA}: ${RETIRE_CA}` },
    ]);
  });

  it("are due from the day on", () => {
    const settings = settingsWith(
      [{ name: "collector", generation: 3, retired: 1, retireBy: TODAY }],
      { serverCa: 4, serverCaRetireBy: "2025-12-31" },
    );
    assert.deepEqual(notices(settings, TODAY), [
      {
        due: true,
        text: `${PASSWORD}, although it should be retired by 2026-06-15: ${RETIRE_PASSWORD}`,
      },
      { due: true, text: `${CA}, although it should be retired by 2025-12-31: ${RETIRE_CA}` },
    ]);
  });

  const CERTIFICATE = "the previous certificate of ann (generation 1) is still valid";
  const RETIRE_CERTIFICATE = "to retire it, set retired: 1 for that client";
  const CLIENT_CA = "the previous client CA (number 1) is still valid";
  const RETIRE_CLIENT_CA =
    "to retire it, set cybexp:rotation.clientCaRetired to 1 once all clients have their new certificates";

  it("report the overlaps of client certificates and their authority, but none of a revoked client", () => {
    const settings = settingsWith(
      [{ name: "collector" }],
      { clientCa: 2, clientCaRetireBy: TODAY },
      {
        clients: [
          { name: "ann", generation: 2 },
          { name: "rob", generation: 2, revoked: true },
          { name: "tim", generation: 2, retired: 1 },
        ],
      },
    );
    assert.deepEqual(notices(settings, TODAY), [
      { due: false, text: `${CERTIFICATE}: ${RETIRE_CERTIFICATE}` },
      {
        due: true,
        text: `${CLIENT_CA}, although it should be retired by ${TODAY}: ${RETIRE_CLIENT_CA}`,
      },
    ]);
  });

  for (const access of ["certificate", "both"]) {
    it(`warn about a door that lets nobody in: ${access}`, () => {
      const closed = {
        due: true,
        text: `nobody can call the backend: cybexp:backend.access is ${access}, but cybexp:clients has no client that is not revoked`,
      };
      const of = (clients: readonly object[]) =>
        notices(settingsWith([{ name: "collector" }], {}, { access, clients }), TODAY);
      assert.deepEqual(of([]), [closed]);
      assert.deepEqual(of([{ name: "rob", revoked: true }]), [closed]);
      assert.deepEqual(of([{ name: "rob", revoked: true }, { name: "ann" }]), []);
    });
  }

  it("don't warn about a door that a password opens", () => {
    const settings = settingsWith([{ name: "collector" }], {}, { access: "either" });
    assert.deepEqual(notices(settings, TODAY), []);
  });
});

describe("a day", () => {
  for (const day of ["2026-12-31", "2028-02-29", "0001-01-01", "9999-12-31"]) {
    it(`can be ${day}`, () => {
      assert.equal(parseDay(day), day);
    });
  }
  it("can be without quotes, which Pulumi reads as a timestamp", () => {
    assert.equal(parseDay("2026-12-31 00:00:00 +0000 UTC"), "2026-12-31");
    assert.ok(parseDay("2026-02-30 00:00:00 +0000 UTC") instanceof Fault);
  });
  const wrong: unknown[] = [
    "2026-02-29",
    "2026-02-30",
    "2026-13-01",
    "2026-00-10",
    "2026-01-32",
    "2026-1-1",
    "26-01-01",
    "2026-01-01 ",
    "2026-01-01 00:00:01 +0000 UTC",
    "2026-01-01T00:00:00Z",
    "20260101",
    "tomorrow",
    Object.create(null),
    "",
    20260101,
    new Date("2026-01-01"),
    null,
    ["2026-01-01"],
  ];
  for (const day of wrong) {
    it(`can't be ${JSON.stringify(day)}`, () => {
      assert.ok(parseDay(day) instanceof Fault);
    });
  }

  it("compares as text as it does in the calendar", () => {
    const moment = fc.date({
      min: new Date("0001-01-01"),
      max: new Date("9999-12-31"),
      noInvalidDate: true,
    });
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        const [one, other] = [a, b].map((date) => parseDay(date.toISOString().slice(0, 10)));
        assert.ok(typeof one === "string" && typeof other === "string");
        assert.equal(one < other, Date.parse(one) < Date.parse(other));
      }),
    );
  });
});

describe("the rotation numbers", () => {
  it("exist for every secret, each with its own name", () => {
    const settings = settingsWith(
      [{ name: "collector", generation: 7 }, { name: "analyst" }],
      {
        kmsJwtKey: 2,
        serverCertificate: 3,
        serverCa: 4,
        serverCaRetired: 1,
        clientCa: 8,
        kmsDatabase: 5,
        backendDatabase: 6,
      },
      {
        clients: [
          { name: "ann", generation: 3, retired: 1 },
          { name: "rob", generation: 2, revoked: true },
          { name: "collector" },
        ],
      },
    );
    assert.deepEqual(rotationNumbers(settings), {
      "user collector": 7,
      "user analyst": 1,
      "client ann": 3,
      "refused client ann": 1,
      "request of client ann": 0,
      "client rob": 2,
      "refused client rob": 2,
      "request of client rob": 0,
      "client collector": 1,
      "refused client collector": 0,
      "request of client collector": 0,
      kmsJwtKey: 2,
      serverCertificate: 3,
      serverCa: 4,
      clientCa: 8,
      kmsDatabase: 5,
      backendDatabase: 6,
    });
  });

  it("keep a user's number apart from a secret of the same name", () => {
    const numbers = rotationNumbers(settingsWith([{ name: "serverCa", generation: 9 }]));
    assert.equal(numbers["user serverCa"], 9);
    assert.equal(numbers["serverCa"], 1);
  });
});

const LAST: RotationNumbers = {
  "user collector": 3,
  kmsJwtKey: 3,
  serverCertificate: 3,
  serverCa: 3,
  "client ann": 3,
  clientCa: 3,
  kmsDatabase: 3,
  backendDatabase: 3,
};
const STEPWISE = [
  "user collector",
  "serverCa",
  "client ann",
  "clientCa",
  "kmsDatabase",
  "backendDatabase",
];
const FREE = ["kmsJwtKey", "serverCertificate"];

describe("what was revoked", () => {
  const ann = (settings: object) =>
    rotationNumbers(
      settingsWith([{ name: "collector" }], {}, { clients: [{ name: "ann", ...settings }] }),
    );
  const revoked = ann({ generation: 2, revoked: true });
  const refusal =
    "the certificates of the client ann up to number 2 are refused for good: set retired: 2 for it, and generation: 3 for a new certificate";

  it("can't become valid again, by itself or as the previous one", () => {
    assert.deepEqual(jumps(revoked, ann({ generation: 2 })), [refusal]);
    assert.deepEqual(jumps(revoked, ann({ generation: 2, retired: 1 })), [refusal]);
    assert.deepEqual(jumps(revoked, ann({ generation: 3 })), [refusal]);
    assert.deepEqual(jumps(revoked, ann({ generation: 3, retired: 1 })), [refusal]);
  });

  it("may be followed by the next generation, stay revoked, or go", () => {
    assert.deepEqual(jumps(revoked, ann({ generation: 3, retired: 2 })), []);
    assert.deepEqual(jumps(revoked, ann({ generation: 2, revoked: true })), []);
    assert.deepEqual(jumps(revoked, ann({ generation: 3, revoked: true })), []);
    assert.deepEqual(jumps(revoked, rotationNumbers(settingsWith([{ name: "collector" }]))), []);
  });
});

describe("a client that brings a key of its own", () => {
  const csr = readFileSync(join(import.meta.dirname, "fixtures", "client.csr"), "utf8");
  const app = (settings: object) =>
    rotationNumbers(
      settingsWith([{ name: "collector" }], {}, { clients: [{ name: "app", ...settings }] }),
    );
  const refusal =
    "the client app changes between a key made here and a request, so its certificate number 2 can't be kept: set generation: 3 and retired: 2 for it, or list the new one under another name until you can retire the old one";

  it("can't keep its previous certificate, nor lose it unnoticed", () => {
    for (const [before, now] of [
      [app({ generation: 2 }), { csr }],
      [app({ generation: 2, csr }), {}],
    ] as const) {
      assert.deepEqual(jumps(before, app({ ...now, generation: 2 })), [refusal]);
      assert.deepEqual(jumps(before, app({ ...now, generation: 3 })), [refusal]);
      assert.deepEqual(jumps(before, app({ ...now, generation: 3, retired: 1 })), [refusal]);
      assert.deepEqual(jumps(before, app({ ...now, generation: 3, retired: 2 })), []);
    }
  });

  it("may bring a new one with the next generation", () => {
    assert.deepEqual(jumps(app({ csr }), app({ csr, generation: 2 })), []);
  });
});

describe("a jump", () => {
  const forward = (name: string, from: number, to: number) =>
    `the number of ${name} went from ${from} to ${to}: raise it by one, run up, and repeat; otherwise the one in use is lost at once`;
  const back = (name: string, from: number, to: number) =>
    `the number of ${name} went back from ${from} to ${to}: numbers only go up; set it to ${from}`;

  it("is not reported if nothing changes, or at the first up", () => {
    assert.deepEqual(jumps(LAST, LAST), []);
    assert.deepEqual(jumps({}, LAST), []);
  });

  for (const name of STEPWISE) {
    it(`of ${name} is anything but the next number`, () => {
      assert.deepEqual(jumps(LAST, { ...LAST, [name]: 4 }), []);
      assert.deepEqual(jumps(LAST, { ...LAST, [name]: 5 }), [forward(name, 3, 5)]);
      assert.deepEqual(jumps(LAST, { ...LAST, [name]: 2 }), [back(name, 3, 2)]);
    });
  }
  for (const name of FREE) {
    it(`of ${name} is harmless, because nothing is made from the one before`, () => {
      assert.deepEqual(jumps(LAST, { ...LAST, [name]: 9 }), []);
      assert.deepEqual(jumps(LAST, { ...LAST, [name]: 1 }), []);
    });
  }

  it("is not reported for a user that comes or goes", () => {
    const rest = Object.entries(LAST).filter(([name]) => name !== "user collector");
    assert.deepEqual(jumps(LAST, Object.fromEntries(rest)), []);
    assert.deepEqual(jumps(LAST, { ...LAST, "user analyst": 5 }), []);
  });

  it("is reported together with every other", () => {
    assert.deepEqual(jumps(LAST, { ...LAST, serverCa: 1, kmsDatabase: 5, backendDatabase: 4 }), [
      back("serverCa", 3, 1),
      forward("kmsDatabase", 3, 5),
    ]);
  });
});

describe("a consequence", () => {
  const REVOKED =
    "the KMS gets a new token-signing key: EVERY token is revoked, each module needs its new " +
    "config.yaml (output moduleConfig), and each administrator needs a new token (output administrator, or a login)";

  it("is reported for a new token key, whichever way the number went", () => {
    assert.deepEqual(consequences(LAST, { ...LAST, kmsJwtKey: 4 }), [REVOKED]);
    assert.deepEqual(consequences(LAST, { ...LAST, kmsJwtKey: 2 }), [REVOKED]);
  });

  it("is not reported for any other number, or at the first up", () => {
    for (const name of [...STEPWISE, "serverCertificate"]) {
      assert.deepEqual(consequences(LAST, { ...LAST, [name]: 4 }), []);
    }
    assert.deepEqual(consequences({}, LAST), []);
    assert.deepEqual(consequences(LAST, LAST), []);
  });
});

describe("a password's digest", () => {
  it("is what Nginx computes from the salt and the Authorization header", () => {
    // printf '%s %s' 0123456789abcdefSALT "$(printf 'collector:open sesame' | base64)" |
    //   openssl md5 -binary | openssl base64 | tr +/ -_ | tr -d =
    assert.equal(
      passwordDigest({
        salt: "0123456789abcdefSALT",
        name: "collector",
        password: "open sesame",
      }),
      "lNwRrengHvIK8HuRYvKNDw",
    );
  });

  it("takes a colon and UTF-8 letters as they are", () => {
    // The same with "a@b.example:x:y/Ärger?" for the name and password.
    assert.equal(
      passwordDigest({ salt: "0123456789abcdefSALT", name: "a@b.example", password: "x:y/Ärger?" }),
      "jmpwaw7ULqoGvWxohW5X8g",
    );
  });
});

describe("the output before an up", () => {
  const command = (name: string, outputs: Readonly<Record<string, unknown>>) => ({
    urn: `urn:pulumi:dev::cybexp::command:local:Command::${name}`,
    type: "command:local:Command",
    outputs,
  });
  const stateWith = (done: object | undefined, begun: object | undefined) =>
    interpretState({
      deployment: {
        resources: [
          command("kms-limits", { stdout: "7" }),
          ...(begun ? [command("rotation-guard", { stdout: JSON.stringify(begun) })] : []),
          ...(done
            ? [command("smoke", { stdout: "", environment: { ROTATION: JSON.stringify(done) } })]
            : []),
        ],
      },
    });
  const settings = (generation: number, kmsJwtKey = 1) =>
    settingsWith([{ name: "collector", generation }], { kmsJwtKey });
  const at = (generation: number) => rotationNumbers(settings(generation));
  const said = (state: StackState, now: Settings): string => {
    const written: string[] = [];
    const write = mock.method(process.stderr, "write", (text: string) => written.push(text) > 0);
    try {
      announceRotation(state, now);
    } finally {
      write.mock.restore();
    }
    return written.join("");
  };

  it("is nothing at the first, and nothing without a consequence", () => {
    assert.equal(said(stateWith(undefined, undefined), settings(5)), "");
    assert.equal(said(stateWith(at(1), at(1)), settings(2)), "");
  });

  it("is what a new token key revokes", () => {
    const text = said(stateWith(at(1), at(1)), settings(1, 2));
    assert.match(
      text,
      /^note: the KMS gets a new token-signing key: EVERY token is revoked, .*\n$/,
    );
  });

  it("is a refusal of a jump", () => {
    assert.throws(() => said(stateWith(at(1), at(1)), settings(3)), {
      name: "UserError",
      message: /^the number of user collector went from 1 to 3: /,
    });
  });

  it("is a refusal of the next number but one when the up of the next was cut off", () => {
    const cutOff = stateWith(at(1), at(2));
    assert.equal(said(cutOff, settings(2)), "");
    assert.throws(() => said(cutOff, settings(3)), {
      message: /^the number of user collector went from 1 to 3: /,
    });
  });

  it("uses the numbers of the first attempt if no up has finished", () => {
    assert.throws(() => said(stateWith(undefined, at(1)), settings(3)), {
      message: /from 1 to 3/,
    });
  });
});
