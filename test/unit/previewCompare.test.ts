import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compare } from "../../cli/preview/compare.ts";
import { readEvents } from "../../cli/preview/events.ts";
import { type StackView, stackViewOf } from "../../cli/preview/stackView.ts";
import { CERTIFICATE, CONTAINER, container, event, PASSWORD, smoke } from "./previewEvents.ts";

interface Given {
  readonly users?: Record<string, number[]>;
  readonly clients?: Record<string, number[]>;
  readonly server?: number[];
  readonly client?: number[];
  readonly numbers?: Record<string, number>;
  readonly accounts?: StackView["accounts"];
  readonly doors?: StackView["doors"];
  readonly listeners?: StackView["listeners"];
  readonly serverNames?: StackView["serverNames"];
}

const view = (given: Given): StackView => ({
  users: new Map(Object.entries(given.users ?? {})),
  clients: new Map(Object.entries(given.clients ?? {})),
  authorities: { server: given.server ?? [1], client: given.client ?? [1] },
  numbers: given.numbers ?? {},
  accounts: given.accounts,
  doors: given.doors ?? {},
  listeners: given.listeners ?? [],
  serverNames: given.serverNames ?? {},
});

const NOTHING = {
  ...{ rotated: [], lost: [], gained: [], stays: [], accounts: [] },
  ...{ opened: [], closed: [] },
};
const difference = (before: Given, after: Given) => compare(view(before), view(after));
const BOTH = { kms: "either", backend: "password" } as const;

describe("comparing a stack as it is with the stack as it would be", () => {
  it("finds nothing if both are the same", () => {
    const given = { users: { ann: [1, 2] }, clients: { laptop: [1] }, doors: BOTH };
    assert.deepEqual(difference(given, given), NOTHING);
  });

  it("says who is removed from the lists, and where they got in", () => {
    assert.deepEqual(
      difference(
        { users: { rob: [1], ann: [1], eve: [1, 2] }, clients: { laptop: [1] }, doors: BOTH },
        { users: { eve: [1, 2] }, doors: BOTH },
      ),
      {
        ...NOTHING,
        lost: [
          "users ann and rob: removed from the list: refused at the KMS and the Backend",
          "client laptop: removed from the list: refused at the KMS",
        ],
      },
    );
  });

  it("says what a new server name means to the callers of the old one", () => {
    const lost = (before: StackView["serverNames"], after: StackView["serverNames"]) =>
      difference({ serverNames: before }, { serverNames: after }).lost;
    const old = { proxy: ["old.example.edu", "192.0.2.7"], kapow: ["old.example.edu"] };
    assert.deepEqual(lost(old, old), []);
    assert.deepEqual(lost({}, old), []);
    assert.deepEqual(lost(old, { ...old, proxy: ["new.example.edu", ...old.proxy] }), []);
    assert.deepEqual(lost(old, { ...old, proxy: ["new.example.edu"] }), [
      "callers of old.example.edu, 192.0.2.7: refused after the change; tell them the new name, new.example.edu, beforehand",
    ]);
    assert.deepEqual(lost(old, { ...old, kapow: ["k.example.edu"] }), [
      "callers of Kapow! at its own port as old.example.edu: refused after the change; tell them the new name, k.example.edu, beforehand",
    ]);
  });

  it("reads the server names from the certificates' requests", () => {
    const request = (name: string, before: string[], after: string[]) =>
      event({
        op: "replace",
        type: "cybexp:tls:ServerCertificate$tls:index/certRequest:CertRequest",
        name,
        old: { dnsNames: before },
        next: { dnsNames: after },
      });
    const { steps } = readEvents(
      [
        request("server-certificate-request", ["a.example"], ["b.example"]),
        request("kapow-certificate-request", ["a.example"], ["a.example"]),
        request("client-ann-1-request", ["x.example"], ["y.example"]),
      ].join("\n"),
    );
    assert.deepEqual(stackViewOf(steps, "old").serverNames, {
      proxy: ["a.example"],
      kapow: ["a.example"],
    });
    assert.deepEqual(stackViewOf(steps, "next").serverNames, {
      proxy: ["b.example"],
      kapow: ["a.example"],
    });
  });

  it("says who is new", () => {
    assert.deepEqual(
      difference({ doors: BOTH }, { users: { ann: [1] }, clients: { laptop: [1] }, doors: BOTH }),
      {
        ...NOTHING,
        gained: [
          "user ann: new on the list: let in at the KMS and the Backend with a password of its own",
          "client laptop: new on the list: let in at the KMS with a certificate of its own",
        ],
      },
    );
  });

  it("says so if no door asks for a client's certificate, and nothing if no door is known", () => {
    const lost = (doors: StackView["doors"]) =>
      difference({ clients: { laptop: [1] }, doors }, { doors }).lost;
    assert.deepEqual(lost({ kms: "password" }), [
      "client laptop: removed from the list: refused, though no door asks for a certificate",
    ]);
    assert.deepEqual(lost({}), ["client laptop: removed from the list: refused"]);
  });

  it("reports a rotation with an overlap, the end of one, and a rotation without", () => {
    const step = (before: number[], after: number[]) =>
      difference({ users: { ann: before }, doors: BOTH }, { users: { ann: after }, doors: BOTH });
    assert.deepEqual(step([1], [1, 2]), {
      ...NOTHING,
      rotated: ["user ann: gets password 2; password 1 stays valid until retired"],
    });
    assert.deepEqual(step([1, 2], [2]), {
      ...NOTHING,
      lost: ["user ann: password 1 is refused at the KMS and the Backend; password 2 stays valid"],
    });
    assert.deepEqual(step([1], [2]), {
      ...NOTHING,
      rotated: ["user ann: gets password 2"],
      lost: ["user ann: password 1 is refused at the KMS and the Backend; password 2 stays valid"],
    });
  });

  it("tells a revocation from a retirement", () => {
    assert.deepEqual(
      difference(
        { clients: { laptop: [1, 2] }, doors: BOTH },
        { clients: { laptop: [] }, doors: BOTH },
      ).lost,
      ["client laptop: revoked: certificate 1 and 2 is refused at the KMS, for good"],
    );
  });

  it("says what a number rotates, and who loses access", () => {
    const numbers = { kmsJwtKey: 1, serverCertificate: 1, kmsDatabase: 1, backendDatabase: 1 };
    const next = { kmsJwtKey: 2, serverCertificate: 2, kmsDatabase: 2, backendDatabase: 2 };
    assert.deepEqual(difference({ numbers }, { numbers: next }).rotated, [
      "the KMS gets a new token-signing key: EVERY token is revoked, each module needs its new config.yaml (output moduleConfig), and each administrator needs a new token (output administrator, or a login)",
      "the proxy's key and certificate: number 2; callers notice nothing",
      "passwords of the KMS's database: number 2; the previous ones are removed",
      "passwords of the Backend's database: number 2; the previous ones are removed",
    ]);
    assert.deepEqual(difference({}, { numbers }), NOTHING);
  });

  it("reports a new authority, and a retired one", () => {
    assert.deepEqual(difference({}, { server: [2, 1], client: [2, 1] }), {
      ...NOTHING,
      rotated: [
        "server CA: number 2 signs; hand out the new output serverCa to all callers before 1 is retired",
        "client CA: number 2 signs; each client gets a new certificate for its key: hand it over before 1 is retired",
      ],
    });
    assert.deepEqual(difference({ server: [2, 1], client: [2, 1] }, { server: [2], client: [2] }), {
      ...NOTHING,
      lost: [
        "callers that trust only server CA number 1",
        "clients whose certificate is signed by client CA number 1",
      ],
    });
    assert.deepEqual(difference({ server: [], client: [] }, {}), NOTHING);
  });

  it("says who loses and gains access when a door changes, for each pair of kinds", () => {
    const P = "a password and nothing else";
    const C = "a certificate and nothing else";
    const PC = "a password and certificate";
    const table: Record<string, readonly [lost: string[], gained: string[]]> = {
      "password certificate": [[P], [C]],
      "password either": [[], [C]],
      "password both": [[P], []],
      "certificate password": [[C], [P]],
      "certificate either": [[], [P]],
      "certificate both": [[C], []],
      "either password": [[C], []],
      "either certificate": [[P], []],
      "either both": [[P, C], []],
      "both password": [[], [P]],
      "both certificate": [[], [C]],
      "both either": [[], [P, C]],
    };
    for (const [pair, [lost, gained]] of Object.entries(table)) {
      const [old, now] = pair.split(" ") as ["password", "either"];
      const told = (keys: string[]) =>
        keys.map((key) => `callers with ${key}, at the KMS (access: ${old}, now ${now})`);
      assert.deepEqual(
        difference({ doors: { kms: old } }, { doors: { kms: now } }),
        { ...NOTHING, lost: told(lost), gained: told(gained) },
        pair,
      );
    }
    assert.ok(!JSON.stringify(table).includes(PC));
  });

  it("reports many at once, and not all by name", () => {
    const names = Array.from({ length: 300 }, (_, index) => `u${1000 + index}`);
    const [sentence = "", ...others] = difference(
      { users: Object.fromEntries(names.map((name) => [name, [1]])) },
      {},
    ).lost;
    assert.deepEqual(others, []);
    assert.match(
      sentence,
      /^users u1000, u1001, .* u1019 and 280 more: removed from the list: refused$/,
    );
  });
});

describe("a change of the KMS's accounts", () => {
  const before = { administrator: "boss", users: { ann: ["UNR"], rob: ["A", "B"] } };
  const accounts = (old: StackView["accounts"], now: StackView["accounts"]) => {
    const { stays, accounts } = difference({ ...(old && { accounts: old }) }, { accounts: now });
    return { stays, gained: accounts };
  };
  const stays = (name: string) =>
    `the KMS's account ${name} stays, because the KMS can't delete one: its token stays good until cybexp:rotation.kmsJwtKey is raised, ` +
    "and the proxy lets nobody in who isn't in cybexp:users or cybexp:clients";

  it("is none if they are the same, or aren't known", () => {
    assert.deepEqual(accounts(before, before), { stays: [], gained: [] });
    assert.deepEqual(accounts(before, undefined), { stays: [], gained: [] });
  });

  it("says what the KMS gets, with the attributes as it stores them", () => {
    assert.deepEqual(accounts(undefined, before), {
      stays: [],
      gained: [
        "the KMS gets an administrator boss, unless it has one of that name",
        "the KMS gets an account ann with the attributes UNR",
        "the KMS gets an account rob with the attributes A, B",
      ],
    });
  });

  it("says that what is taken from the config stays in the KMS", () => {
    assert.deepEqual(accounts(before, { administrator: "chief", users: { ann: ["UNR"] } }), {
      stays: [stays("boss"), stays("rob")],
      gained: ["the KMS gets an administrator chief, unless it has one of that name"],
    });
  });
});

describe("the view of a stack", () => {
  it("is made of its resources, as they are and as they would be", () => {
    const { steps } = readEvents(
      [
        event({ op: "same", type: PASSWORD, name: "user-a-1-1" }),
        event({ op: "create", type: PASSWORD, name: "user-a-1-2" }),
        event({ op: "delete", type: PASSWORD, name: "user-rob-10" }),
        event({ op: "same", type: CERTIFICATE, name: "client-laptop-1" }),
        event({
          op: "same",
          type: "cybexp:index:ClientList$cybexp:tls:ClientCertificate",
          name: "client-laptop-1",
        }),
        event({
          op: "same",
          type: "cybexp:index:ClientList$cybexp:tls:ClientCertificate",
          name: "client-laptop-2",
        }),
        event({
          op: "create",
          type: "cybexp:tls:RotatedAuthority$cybexp:tls:CertificateAuthority",
          name: "server-ca-2",
        }),
        event({
          op: "same",
          type: CONTAINER,
          name: "kms",
          old: container("kms", [{ ip: "127.0.0.1", external: 5012, internal: 5000 }]),
        }),
        event({
          op: "update",
          type: "command:local:Command",
          name: "kms-accounts",
          old: { environment: { ACCOUNTS: '{"administrator":"boss","users":{}}' } },
          next: { environment: { ACCOUNTS: '{"administrator":"boss","users":{"ann":["UNR"]}}' } },
        }),
        smoke(
          { numbers: { "refused client laptop": 0 }, doors: { kms: "password" } },
          { numbers: { "refused client laptop": 1 }, doors: { kms: "both" } },
        ),
      ].join("\n"),
    );
    const listeners = [{ role: "kms", address: "127.0.0.1", port: 5012 }];
    assert.deepEqual(stackViewOf(steps, "old"), {
      users: new Map([
        ["a-1", [1]],
        ["rob", [10]],
      ]),
      clients: new Map([["laptop", [1, 2]]]),
      authorities: { server: [], client: [] },
      numbers: { "refused client laptop": 0 },
      accounts: { administrator: "boss", users: {} },
      doors: { kms: "password" },
      listeners,
      serverNames: {},
    });
    assert.deepEqual(stackViewOf(steps, "next"), {
      users: new Map([["a-1", [1, 2]]]),
      clients: new Map([["laptop", [2]]]),
      authorities: { server: [2], client: [] },
      numbers: { "refused client laptop": 1 },
      accounts: { administrator: "boss", users: { ann: ["UNR"] } },
      doors: { kms: "both" },
      listeners,
      serverNames: {},
    });
  });
});
