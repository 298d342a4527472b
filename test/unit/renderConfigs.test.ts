import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { renderBackendConfig } from "../../render/backendConfig.ts";
import { renderKmsConfig } from "../../render/kmsConfig.ts";
import { renderModuleConfig } from "../../render/moduleConfig.ts";
import { mongoUri } from "../../render/mongoUri.ts";
import { renderYaml } from "../../render/yaml.ts";

const fixture = (name: string) => readFileSync(join(import.meta.dirname, "fixtures", name), "utf8");

const databaseUri = mongoUri({
  user: "kms",
  password: "p@ss:w/ord'(ö)*!%",
  host: "kms-db",
  port: 27017,
  database: "KMS_db",
  authSource: "admin",
});
const jwtKey = "0123456789".repeat(7).slice(0, 64);

describe("mongoUri", () => {
  it("leaves only unreserved characters in user and password", () => {
    assert.equal(
      databaseUri,
      "mongodb://kms:p%40ss%3Aw%2Ford%27%28%C3%B6%29%2A%21%25@kms-db:27017/KMS_db?authSource=admin",
    );
  });

  it("carries any password", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (password) => {
        const uri = mongoUri({
          user: "u",
          password,
          host: "db",
          port: 1,
          database: "d",
          authSource: "a",
        });
        const [, encoded = ""] =
          /^mongodb:\/\/u:([A-Za-z0-9._~%-]*)@db:1\/d\?authSource=a$/.exec(uri) ?? [];
        assert.equal(decodeURIComponent(encoded), password);
      }),
    );
  });

  it("refuses a host that is more than one", () => {
    const uri = { user: "u", password: "p", port: 1, database: "d", authSource: "a" };
    for (const host of ["a,b", "a/b", "", "a@b", "a:1"]) {
      assert.throws(
        () => mongoUri({ ...uri, host }),
        /the database host is .*, but must be a host name/,
      );
    }
  });
});

describe("renderKmsConfig", () => {
  it("writes every key that the KMS needs", () => {
    assert.equal(renderKmsConfig({ jwtKey, databaseUri }), fixture("kms-config.yaml"));
  });

  it("writes the operator's own values in the type that the KMS reads", () => {
    const text = renderKmsConfig({
      jwtKey,
      databaseUri,
      overrides: {
        OPE_OUT_MAX: "1267650600228229401496703205375",
        OPE_IN_MAX: 4_294_967_295,
        db_name: "012",
        FLASK_DEBUG: false,
        SOMETHING_NEWER: true,
      },
    });
    assert.match(text, /^OPE_OUT_MAX: 1267650600228229401496703205375$/m);
    assert.match(text, /^OPE_IN_MAX: 4294967295$/m);
    assert.match(text, /^db_name: "012"$/m);
    assert.match(text, /^SOMETHING_NEWER: true$/m);
  });

  const refused: [string, Parameters<typeof renderKmsConfig>[0], RegExp][] = [
    [
      "a key of 16 bytes",
      { jwtKey: "00".repeat(16), databaseUri },
      /JWT key must be 64 hex digits/,
    ],
    [
      "its signing key from outside",
      { jwtKey, databaseUri, overrides: { FLASK_JWT_SECRET_KEY: jwtKey } },
      /FLASK_JWT_SECRET_KEY is written by the stack/,
    ],
    [
      "another database",
      { jwtKey, databaseUri, overrides: { backed_DB_uri: "x" } },
      /backed_DB_uri is written by the stack/,
    ],
    [
      "Flask's debugger",
      { jwtKey, databaseUri, overrides: { FLASK_DEBUG: true } },
      /FLASK_DEBUG must be false/,
    ],
    [
      "Flask's debugger as text",
      { jwtKey, databaseUri, overrides: { FLASK_DEBUG: "yes" } },
      /FLASK_DEBUG must be false/,
    ],
    [
      "2^128-1 as a number",
      { jwtKey, databaseUri, overrides: { OPE_OUT_MAX: 2 ** 128 - 1 } },
      /OPE_OUT_MAX is 3.402823669209385e\+38, but must be a whole number/,
    ],
    [
      "2^64 as a number",
      { jwtKey, databaseUri, overrides: { OPE_IN_MAX: 2 ** 64 } },
      /no longer exact: write its digits in quotes/,
    ],
    [
      "a number for a name",
      { jwtKey, databaseUri, overrides: { db_name: 12 } },
      /db_name is 12, but must be a string, such as "KMS_db"/,
    ],
    [
      "a key that is none",
      { jwtKey, databaseUri, overrides: { "a: b": 1 } },
      /a config key is "a: b"/,
    ],
  ];
  for (const [what, config, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => renderKmsConfig(config), { name: "RangeError", message });
    });
  }
});

describe("renderBackendConfig", () => {
  it("writes every key that the Backend needs", () => {
    assert.equal(renderBackendConfig({ databaseUri }), fixture("backend-config.yaml"));
  });

  it("takes the operator's own values, but not Flask's debugger", () => {
    assert.match(
      renderBackendConfig({ databaseUri, overrides: { print_time_comparison: true } }),
      /^print_time_comparison: true$/m,
    );
    assert.throws(
      () => renderBackendConfig({ databaseUri, overrides: { debug_mode_flask: true } }),
      /debug_mode_flask must be false/,
    );
    assert.throws(
      () => renderBackendConfig({ databaseUri, overrides: { debug: "yes" } }),
      /debug is "yes", but must be a boolean, such as false/,
    );
  });
});

describe("renderModuleConfig", () => {
  const config = {
    kmsUrl: "https://cybexp.example.org:5002",
    backendUrl: "https://cybexp.example.org:5001",
    user: "collector",
    password: "0123456789abcdefABCDEF0123456789",
    token: "aaaa.bbbb.cc-_",
  };

  it("writes a whole file for the collector", () => {
    assert.equal(renderModuleConfig(config), fixture("module-config.yaml"));
  });

  it("takes the operator's numbers", () => {
    const text = renderModuleConfig({
      ...config,
      overrides: { web_conn_listen: 512, enc_worker_threads: 2, max_post_retries: 50 },
    });
    assert.match(text, /^ {2}max_post_retries: 50\nweb_conn_listen: 512\nenc_worker_threads: 2$/m);
    assert.throws(
      () => renderModuleConfig({ ...config, overrides: { web_conn_listen: true } }),
      /web_conn_listen is true, but must be a whole number/,
    );
  });

  it("keeps the shape that collector.sh reads line by line", () => {
    const lines = renderModuleConfig(config).split("\n");
    const at = lines.indexOf("basic_auth:");
    assert.deepEqual(lines.slice(at, at + 3), [
      "basic_auth:",
      '  user: "collector"',
      '  pass: "0123456789abcdefABCDEF0123456789"',
    ]);
  });

  it("refuses a URL that the modules can't add a path to", () => {
    for (const kmsUrl of [
      "https://a:1/",
      "https://a/kms",
      "a:1",
      "https://u:p@a:1",
      "https://a:1?x",
    ]) {
      assert.throws(
        () => renderModuleConfig({ ...config, kmsUrl }),
        /the KMS's URL is .*, but must be https:/,
      );
    }
  });

  it("refuses an empty password, with which the modules would send none", () => {
    assert.throws(
      () => renderModuleConfig({ ...config, password: "" }),
      /the password must be a text/,
    );
    assert.throws(() => renderModuleConfig({ ...config, token: "x" }), /the token must be a JWT/);
  });
});

describe("renderYaml", () => {
  it("round-trips every value", () => {
    const text = fc.stringMatching(/^[\x20-\x7eäß€]*$/);
    const scalar = fc.oneof(
      text,
      fc.boolean(),
      fc.maxSafeInteger(),
      fc.bigInt({ min: -(2n ** 128n), max: 2n ** 128n }),
    );
    fc.assert(
      fc.property(
        fc.dictionary(fc.stringMatching(/^[a-z_]{1,8}$/), fc.oneof(scalar, fc.array(text))),
        (content) => {
          const back = parse(renderYaml(content), { version: "1.1", intAsBigInt: true }) as object;
          const expected = Object.fromEntries(
            Object.entries(content).map(([key, value]) => [
              key,
              typeof value === "number" ? BigInt(value) : value,
            ]),
          );
          assert.deepEqual({ ...back }, expected);
        },
      ),
    );
  });

  it("refuses a value that YAML would change, without showing it", () => {
    assert.throws(
      () => renderYaml({ a: { b: 2 ** 53 } }),
      /a\.b is 9007199254740992, .* use a bigint/,
    );
    assert.throws(() => renderYaml({ a: 0.5 }), /a is 0.5/);
    for (const text of ["x\ny", "x\u0000", "x\u007f", "x\ud800", "x\u2028"]) {
      assert.throws(() => renderYaml({ list: [text] }), {
        message:
          "list.0 must be text of one line without control characters; its value is secret and not shown",
      });
    }
  });
});
