/** What is said about a database outside of the stack, and the way of its service to it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type AskedDatabase,
  type DatabaseAnswer,
  databaseRemarks,
  documentsIn,
  refusedDatabase,
} from "../../render/databaseAnswer.ts";
import { doorConf, exitConf } from "../../render/databaseDoor.ts";
import { type DatabaseMove, moveRemark, refusedMove } from "../../render/databaseMove.ts";
import { vainRotations } from "../../settings/rotationNumbers.ts";

const asked: AskedDatabase = {
  service: "KMS",
  hosts: "a.example:27017,b.example:27017",
  reachable: ["a.example:27017", "b.example:27017"],
  database: "KMS_db",
  user: "kms",
  ca: true,
};

describe("a database's answer", () => {
  for (const [failed, sentence] of [
    ["driver", /^the image of the KMS has no python3 with pymongo/],
    [
      "dns",
      /^DNS: the engine finds no address of the KMS's database a\.example.*: why\. .*cybexp:database\.hosts/,
    ],
    ["tcp", /^TCP: .* does not answer the engine: why\. Check its port/],
    ["tls", /^TLS: .* is not accepted: why\. Check that cybexp:database\.ca is the CA/],
    ["server", /^MongoDB: .* add tls=true/],
    ["version", /^version: .* don't understand each other: why$/],
    ["login", /^login: .* refuses the user kms: why\. Check user, password and authSource/],
    [
      "rights",
      /^rights: .* does not let kms work with the database KMS_db: why\. .*readWrite on KMS_db$/,
    ],
  ] as const) {
    it(`names ${failed}`, () => {
      assert.match(refusedDatabase(asked, { failed, message: "why" }) ?? "", sentence);
    });
  }

  it("asks for a CA where there is none", () => {
    assert.match(
      refusedDatabase({ ...asked, ca: false }, { failed: "tls" }) ?? "",
      /not a public one, give it in cybexp:database\.ca/,
    );
  });

  it("is fine with the rights that a service needs, or where the server does not tell", () => {
    const actions = ["createCollection", "createIndex", "find", "insert", "update", "remove"];
    assert.equal(refusedDatabase(asked, { actions }), undefined);
    assert.equal(refusedDatabase(asked, { actions: null }), undefined);
    assert.equal(refusedDatabase(asked, {}), undefined);
    assert.match(
      refusedDatabase(asked, { actions: ["find"] }) ?? "",
      /it lacks insert, update, createIndex, createCollection/,
    );
  });

  it("is refused with members that the service has no way to", () => {
    assert.equal(refusedDatabase(asked, { members: ["A.example:27017"] }), undefined);
    assert.match(
      refusedDatabase(asked, { members: ["a.example:27017", "10.0.0.3:27017"] }) ?? "",
      /call themselves a\.example:27017, 10\.0\.0\.3:27017, and cybexp:database\.uri does not name 10\.0\.0\.3:27017/,
    );
  });

  it("tells of a member that can't be reached", () => {
    const answer: DatabaseAnswer = {
      unreachable: [{ host: "b.example:27017", failed: "tcp", message: "refused" }],
      counts: { Users: 2, other: 3 },
    };
    assert.deepEqual(databaseRemarks(asked, answer), [
      "the KMS's database has a member b.example:27017 that can't be reached (TCP: refused): if it becomes the primary, the KMS fails",
    ]);
    assert.equal(documentsIn(answer), 5);
  });
});

describe("a move to another database", () => {
  const move = (changes: Partial<DatabaseMove>): DatabaseMove => ({
    ...{ service: "kms", spoken: "KMS", place: "b:1/KMS_db", before: "a:1/KMS_db" },
    ...{ documents: 2, remembered: undefined, left: [], throwaway: false },
    ...changes,
  });

  for (const [what, changes, sentence] of [
    ["a new stack at an empty one", { before: undefined, documents: 0 }, undefined],
    [
      "a new stack at one with accounts",
      { before: undefined, documents: 1 },
      /has 1 account, and this stack is new/,
    ],
    [
      "a new throw-away stack, too",
      { before: undefined, throwaway: true },
      /has 2 accounts, and this stack is new/,
    ],
    ["the same place", { before: "b:1/KMS_db" }, undefined],
    [
      "the same place, never used",
      { before: "b:1/KMS_db", documents: 0, remembered: 0 },
      undefined,
    ],
    [
      "the same place, emptied",
      { before: "b:1/KMS_db", documents: 0, remembered: 3 },
      /had 3 accounts, and is empty now.*left: \[kms@b:1\/KMS_db\]/,
    ],
    [
      "another place",
      {},
      /would leave a:1\/KMS_db for b:1\/KMS_db, which has 2 accounts.*left: \[kms@a:1\/KMS_db\]/,
    ],
    ["another place, empty", { documents: 0 }, /which has nothing in it/],
    ["another place, allowed", { left: ["kms@a:1/KMS_db"] }, undefined],
    ["another place, of a throw-away stack", { throwaway: true }, undefined],
    [
      "another place, with another's word",
      { left: ["backend@a:1/KMS_db", "kms@own"] },
      /would leave/,
    ],
    [
      "from its own",
      { before: "own" },
      /would leave the stack's own database for b:1.*left: \[kms@own\]/,
    ],
    [
      "back to its own",
      { place: "own", documents: 0 },
      /for the stack's own database, which has nothing in it/,
    ],
  ] as const) {
    it(`is judged: ${what}`, () => {
      const refused = refusedMove(move(changes));
      if (sentence === undefined) {
        assert.equal(refused, undefined);
      } else {
        assert.match(refused ?? "", sentence);
      }
    });
  }

  it("is told of where it is allowed", () => {
    assert.match(
      moveRemark(move({ documents: 0 })) ?? "",
      /which is empty: it finds none of its accounts there/,
    );
    assert.match(moveRemark(move({})) ?? "", /which has 2 accounts$/);
    assert.equal(moveRemark(move({ before: "b:1/KMS_db" })), undefined);
    assert.equal(moveRemark(move({ before: undefined })), undefined);
  });
});

describe("the way to a database", () => {
  const hosts = [
    { name: "a.example", port: 27017 },
    { name: "b.example", port: 27017 },
    { name: "c.example", port: 5 },
  ];

  it("begins with one server for each port, which looks the second one up", () => {
    const text = doorConf(hosts, "kms-db-exit");
    assert.deepEqual(text.match(/listen \d+ .*|proxy_pass .*/g), [
      "listen 5 so_keepalive=on;",
      'proxy_pass "$exit:5";',
      "listen 27017 so_keepalive=on;",
      'proxy_pass "$exit:27017";',
    ]);
    assert.match(text, /default kms-db-exit;/);
  });

  it("ends at the hosts that are named, told apart by TLS where they share a port, and at nothing else", () => {
    const text = exitConf(hosts, [{ name: "B.example", address: "192.0.2.7" }]);
    const maps = [...text.matchAll(/map (\S+) (\S+) \{\n([^}]*)\}/g)].map(([, from, to, lines]) => [
      from,
      to,
      lines?.trim().split(/\n\s*/),
    ]);
    assert.deepEqual(maps, [
      ['""', "$to_5", ['default "c.example:5";']],
      [
        "$ssl_preread_server_name",
        "$to_27017",
        ['a.example "a.example:27017";', 'b.example "192.0.2.7:27017";', 'default "";'],
      ],
    ]);
    assert.equal(text.match(/ssl_preread on;/g)?.length, 1);
  });

  it("ends at an IPv6 address in brackets", () => {
    assert.match(exitConf([{ name: "2001:db8::1", port: 7 }]), /default "\[2001:db8::1\]:7";/);
  });

  it("takes no text that could be more than a name", () => {
    assert.throws(() => exitConf([{ name: 'a"; evil', port: 7 }]), RangeError);
  });
});

describe("a rotation number of a database that is not the stack's", () => {
  it("changes nothing, and that is said", () => {
    const before = { kmsDatabase: 1, backendDatabase: 1 };
    const now = { kmsDatabase: 2, backendDatabase: 2 };
    const [sentence, ...others] = vainRotations(before, now, ["kmsDatabase"]);
    assert.deepEqual(others, []);
    assert.match(
      sentence ?? "",
      /^cybexp:rotation\.kmsDatabase went from 1 to 2, but .* set it back to 1, .*'database\.uri\.kms'/,
    );
    assert.deepEqual(vainRotations(before, before, ["kmsDatabase"]), []);
    assert.deepEqual(vainRotations({}, now, ["kmsDatabase"]), []);
    assert.deepEqual(vainRotations(before, now, []), []);
  });
});
