/** Connection strings of databases that the stack does not run. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { placeOf, serviceUri, writtenHosts } from "../../render/serviceUri.ts";
import { resolveHosts } from "../../programs/database/resolveHosts.ts";
import {
  describeHosts,
  isEncrypted,
  parseDatabaseUri,
  readDatabaseUri,
} from "../../settings/databaseUri.ts";
import { Fault } from "../../settings/fault.ts";

const refusal = (text: unknown): string => {
  const fault = parseDatabaseUri(text);
  return fault instanceof Fault ? `${fault.reason} ${fault.remedy}` : assert.fail("it is accepted");
};

describe("a connection string", () => {
  for (const [text, hosts, encrypted] of [
    ["mongodb://u:p@db.example.edu/", "db.example.edu:27017", false],
    ["mongodb://u:p@db.example.edu:27018/KMS_db?tls=true", "db.example.edu:27018", true],
    [
      "mongodb://u:p@A.example,b.example:1?ssl=true&replicaSet=rs0",
      "a.example:27017,b.example:1",
      true,
    ],
    ["mongodb://u:p%40%2F%3A@192.0.2.1:27017", "192.0.2.1:27017", false],
    ["mongodb://u:p@[2001:db8::1]:27017/?authSource=admin", "[2001:db8::1]:27017", false],
    [
      "mongodb+srv://u:p@cluster0.abc.example.net/?retryWrites=true&w=majority",
      "mongodb+srv://cluster0.abc.example.net",
      true,
    ],
    [
      "mongodb+srv://u:p@cluster0.abc.example.net/?tls=false",
      "mongodb+srv://cluster0.abc.example.net",
      false,
    ],
    ["mongodb://u:p@a:1,b:2/", "a:1,b:2", false],
    ["mongodb://u:p@a:1/?authMechanism=SCRAM-SHA-256", "a:1", false],
    ["mongodb://u:p@a:1/?authMechanism=PLAIN&tls=true", "a:1", true],
  ] as const) {
    it(`is ${hosts}`, () => {
      assert.equal(parseDatabaseUri(text), text);
      const uri = readDatabaseUri(text);
      assert.equal(describeHosts(uri), hosts);
      assert.equal(isEncrypted(uri), encrypted);
      assert.equal(uri.user, "u");
    });
  }

  for (const [text, reason] of [
    [7, /^Allowed: mongodb:/],
    ["http://u:p@a/", /not a connection string/],
    ["mongodb://u:p@a b/", /not a connection string/],
    ["mongodb://a/", /user or the password is missing/],
    ["mongodb://u@a/", /user or the password is missing/],
    ["mongodb://u:@a/", /user or the password is missing/],
    ["mongodb://u:p:q@a/", /must be written as its code/],
    ["mongodb://u:p@q@a/", /must be written as its code/],
    ["mongodb://u:p/q@a/", /must be written as its code/],
    ["mongodb://u:p?q@a/", /must be written as its code/],
    ["mongodb://u:50%@a/", /must be written as its code/],
    ["mongodb://u:p@a:70000/", /A host or the database's name/],
    ["mongodb://u:p@/", /A host or the database's name/],
    ["mongodb://u:p@%2Ftmp%2Fmongo.sock/", /A host or the database's name/],
    [
      "mongodb://u:p@a/?tlsCAFile=/ca.pem&tls=true",
      /tlsCAFile is the path of a file.*cybexp:database\.ca/,
    ],
    ["mongodb://u:p@a/?tls=true&tlsInsecure=true", /tlsInsecure turns the check/],
    ["mongodb://u:p@a/?tls=true&tlsAllowInvalidHostnames=true", /turns the check/],
    ["mongodb://u:p@a/?tls=true&tlsCertificateKeyFile=x", /names a file/],
    ["mongodb://u:p@a/?authMechanism=MONGODB-X509", /asks for more than a password/],
    ["mongodb://u:p@a/?authMechanism=PLAIN", /password in clear/],
    ["mongodb://u:p@a/?w=0", /lost without a word/],
    ["mongodb://u:p@a/?proxyHost=b", /another host/],
    ["mongodb://u:p@a/?tls", /name=value/],
    ["mongodb://u:p@192.0.2.1/?tls=true", /each host needs a name/],
    ["mongodb://u:p@192.0.2.1:1,192.0.2.2:2/", /each host needs a name/],
    ["mongodb://u:p@a,b/", /Without TLS, each host needs a port of its own/],
    ["mongodb://u:p@a,a/?tls=true", /listed twice/],
    ["mongodb+srv://u:p@a.example,b.example/", /takes one name/],
  ] as const) {
    it(`is refused: ${String(text).replace(/u:.*@/, "...@")} (${String(reason)})`, () => {
      assert.match(refusal(text), reason);
      assert.doesNotMatch(refusal(text), /p\/q|p\?q|50%@/);
    });
  }
});

describe("the connection string of a service", () => {
  const made = (text: string, caFile?: string) => {
    const uri = readDatabaseUri(text);
    return serviceUri(uri, writtenHosts(uri) ?? assert.fail(), caFile);
  };

  it("has the CA's file, and everything that was written", () => {
    assert.equal(
      made(
        "mongodb://u:p%40@a.example,b.example/db?replicaSet=rs0&tls=true&authSource=admin",
        "/ca.pem",
      ),
      "mongodb://u:p%40@a.example:27017,b.example:27017/db?replicaSet=rs0&authSource=admin&tls=true&tlsCAFile=%2Fca.pem",
    );
  });

  it("has a name in place of an address, which its way to the database has", () => {
    assert.equal(made("mongodb://u:p@192.0.2.1:5/"), "mongodb://u:p@database:5/");
  });

  it("has no CA's file without TLS", () => {
    assert.equal(made("mongodb://u:p@a:5/?w=majority", "/ca.pem"), "mongodb://u:p@a:5/?w=majority");
  });

  it("says where the data is without user and password", () => {
    assert.equal(placeOf(readDatabaseUri("mongodb://u:p@A:5,b:6/x"), "KMS_db"), "a:5,b:6/KMS_db");
  });
});

describe("hosts that DNS names", () => {
  const uri = readDatabaseUri("mongodb+srv://u:p@cluster0.abc.example.net/?retryWrites=true");
  const dns = (
    srv: readonly { name: string; port: number }[],
    txt: readonly (readonly string[])[] | string = "ENODATA",
  ) => ({
    resolveSrv: (name: string) => {
      assert.equal(name, "_mongodb._tcp.cluster0.abc.example.net");
      return srv.length > 0
        ? Promise.resolve(srv)
        : Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }));
    },
    resolveTxt: () =>
      typeof txt === "string"
        ? Promise.reject(Object.assign(new Error("no"), { code: txt }))
        : Promise.resolve(txt),
  });
  const shards = [
    { name: "Shard-01.abc.example.net.", port: 27017 },
    { name: "shard-00.abc.example.net", port: 27017 },
  ];

  it("are written out, with the options from DNS, in an order that stays", async () => {
    const hosts = await resolveHosts(
      uri,
      dns(shards, [["authSource=admin&", "replicaSet=atlas-1"]]),
    );
    assert.equal(
      serviceUri(uri, hosts, undefined),
      "mongodb://u:p@shard-00.abc.example.net:27017,shard-01.abc.example.net:27017/" +
        "?retryWrites=true&authSource=admin&replicaSet=atlas-1&tls=true",
    );
  });

  it("count less than what is written", async () => {
    const own = readDatabaseUri(
      "mongodb+srv://u:p@cluster0.abc.example.net/?authSource=mine&srvMaxHosts=1",
    );
    const hosts = await resolveHosts(own, dns(shards, [["authSource=admin"]]));
    assert.equal(
      serviceUri(own, hosts, undefined),
      "mongodb://u:p@shard-00.abc.example.net:27017/?authSource=mine&tls=true",
    );
  });

  for (const [what, answers, sentence] of [
    [
      "does not know the name",
      dns([]),
      /there is no SRV record _mongodb\._tcp\.cluster0.*ENOTFOUND/,
    ],
    [
      "names a stranger",
      dns([{ name: "evil.example.org", port: 27017 }]),
      /names evil\.example\.org, which is not in the domain abc\.example\.net/,
    ],
    [
      "names a stranger's look-alike",
      dns([{ name: "x.notabc.example.net", port: 1 }]),
      /not in the domain/,
    ],
    [
      "sets what it must not",
      dns(shards, [["tls=false"]]),
      /TXT record .* has more than authSource/,
    ],
    ["does not answer about options", dns(shards, "ETIMEOUT"), /it is unknown whether .*ETIMEOUT/],
  ] as const) {
    it(`are refused if it ${what}`, async () => {
      await assert.rejects(resolveHosts(uri, answers), { name: "UserError", message: sentence });
    });
  }

  it("are not looked up when they are written", async () => {
    const hosts = await resolveHosts(readDatabaseUri("mongodb://u:p@a/"), {
      resolveSrv: () => assert.fail(),
      resolveTxt: () => assert.fail(),
    });
    assert.deepEqual(hosts, { hosts: [{ name: "a", port: 27017 }], options: [] });
  });
});
