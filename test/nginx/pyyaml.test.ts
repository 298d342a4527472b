import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { renewed } from "../../cli/module/configFile.ts";
import { renderBackendConfig } from "../../render/backendConfig.ts";
import { renderKmsConfig } from "../../render/kmsConfig.ts";
import { renderModuleConfig } from "../../render/moduleConfig.ts";
import { mongoUri } from "../../render/mongoUri.ts";
import { mintToken } from "../../render/token.ts";
import { docker, pythonImage } from "./docker.ts";

const PROGRAM = `
import json, sys, yaml
def plain(value):
    if isinstance(value, dict):
        # JSON would make a text of any other key.
        return {key if isinstance(key, str) else repr(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return type(value).__name__ + " " + str(value)
texts = json.load(sys.stdin)
print(json.dumps([plain(yaml.load(text, Loader=yaml.FullLoader)) for text in texts]))
`;

/** What PyYAML, as CYBEX-P's programs call it, reads: each value with its Python type. */
const inPython = (texts: string[]) =>
  JSON.parse(
    docker(
      [
        "run",
        "--rm",
        "--interactive",
        "--network=none",
        "--entrypoint=python3",
        pythonImage,
        "-c",
        PROGRAM,
      ],
      JSON.stringify(texts),
    ),
  ) as Record<string, unknown>[];

const URLS = {
  kmsUrl: "https://cybexp.example.org:5002",
  backendUrl: "https://cybexp.example.org:5001",
};
const TOKEN = mintToken({
  key: "ab".repeat(32),
  subject: "collector",
  issuedAt: 0,
  tokenId: "1",
});

/** The collector's switches. Each must be off, and a missing one is off, too. */
const DEBUG = [
  "enabled",
  "process_only_one",
  "print_policy_config",
  "print_incoming_record",
  "show_enc_policy",
  "print_left_keys",
  "print_encrypted_record",
  "do_not_post_data",
  "print_was_posted",
];

/** Texts that YAML 1.1 takes for something else when they are not quoted. */
const TRICKY = [
  ...["no", "Yes", "on", "y", "N", "true", "null", "Null", "~", "0x12", "012", "0o14", "0b1"],
  ...["1e3", "1.5", ".5", "1_000", "12:30:45", "2020-01-01", ".inf", ".nan", "=", "<<", "-", "--"],
  ...[": #", "a: b", "a #b", "#", "&a", "*a", "!t", "!!int 3", "%x", "@x", "`x", "[a]", "{a: b}"],
  ...["'", '"', "\\", "\\n", "a'b\"c", " lead", "trail ", "|", ">", "?", "? a", "é", "🙂"],
  ...["0", "00", "08", "0123456789", "9".repeat(40), "1".repeat(128), "+1", "-1", "1:30", "1__0"],
  ...["190:20:30.15", "2020-1-1", "2020-01-01T10:00:00Z", "1.5e+3", "+.inf", "OFF", "NULL", "---"],
  ...["...", ":", ",", "]", "日本語", "\u00a0", "x".repeat(5000), "word ".repeat(1500) + "end"],
];

/** What only a policy may have in it: it is the operator's, and JSON's to the last character. */
const TRICKIER = [
  ...TRICKY,
  ...[
    "",
    "a\nb",
    "a\n",
    "\n",
    "\t",
    "a\tb",
    "\u0007",
    "\u007f",
    "\u0085",
    "\u2028",
    "\ufeff",
    "\ufffe",
  ],
];

describe("what CYBEX-P's programs read of the rendered config.yaml", () => {
  it("is every value in its type, to the last digit", () => {
    const databaseUri = mongoUri({
      user: "kms",
      password: "p@ss:w/ord'(ö)*!%",
      host: "kms-db",
      port: 27017,
      database: "KMS_db",
      authSource: "admin",
    });
    const token = mintToken({
      key: "ab".repeat(32),
      subject: "collector",
      issuedAt: 0,
      tokenId: "1",
    });
    const [kms, octal, backend, module] = inPython([
      renderKmsConfig({ jwtKey: "1".repeat(64), databaseUri }),
      renderKmsConfig({ jwtKey: "0".repeat(63) + "7", databaseUri, overrides: { db_name: "yes" } }),
      renderBackendConfig({ databaseUri, overrides: { col_name: "2020-01-01" } }),
      renderModuleConfig({
        kmsUrl: "https://cybexp.example.org:5002",
        backendUrl: "https://cybexp.example.org:5001",
        user: "1:30".replace(":", "_"),
        password: "0123\"\\ #'{}: - ä",
        token,
      }),
    ]);
    assert.deepEqual(kms, {
      FLASK_JWT_SECRET_KEY: `str ${"1".repeat(64)}`,
      backed_DB_uri: `str ${databaseUri}`,
      FLASK_DEBUG: "bool False",
      ORE_KEY_LENGTH: "int 256",
      OPE_IN_MIN: "int 0",
      OPE_IN_MAX: "int 18446744073709551615",
      OPE_OUT_MIN: "int 0",
      OPE_OUT_MAX: "int 340282366920938463463374607431768211455",
      db_name: "str KMS_db",
      attrib_col_name: "str attributes",
      users_col_name: "str Users",
      DE_key_location: "str /secrets/DE_key.pem",
      ORE_key_location: "str /secrets/ORE_key.bin",
    });
    assert.equal(octal?.["FLASK_JWT_SECRET_KEY"], `str ${"0".repeat(63)}7`);
    assert.equal(octal["db_name"], "str yes");
    assert.deepEqual(backend, {
      backed_DB_uri: `str ${databaseUri}`,
      debug_mode_flask: "bool False",
      debug: "bool False",
      print_time_comparison: "bool False",
      print_pre_time_filtered_data: "bool False",
      print_time_filtered_data: "bool False",
      print_response: "bool False",
      add_missing_data_to_response_on_missing_time: "bool False",
      db_name: "str priv_backend",
      col_name: "str 2020-01-01",
    });
    assert.equal(module?.["kms_access_key"], `str ${token}`);
    assert.deepEqual(module["basic_auth"], { user: "str 1_30", pass: "str 0123\"\\ #'{}: - ä" });
    assert.deepEqual(module["backend_server"], {
      url: "str https://cybexp.example.org:5001",
      max_post_retries: "int 5",
    });
    assert.deepEqual(module["policy"], {
      default: { de_encrypt: "bool False", abe_pol: "str default" },
      index: {
        full_index_overwrite: "bool False",
        exact: [{ match: "str ipv4" }],
        regex: [{ match: "str .*src.*" }],
      },
      timestamp: { exact: ["str time", "str timestamp"], regex: [] },
      exact: [],
      regex: [],
    });
    assert.deepEqual(module, {
      ...module,
      kms: { url: "str https://cybexp.example.org:5002" },
      web_conn_listen: "int 128",
      enc_worker_threads: "int 10",
      debug: Object.fromEntries(DEBUG.map((flag) => [flag, "bool False"])),
      key_files: {
        de: "str /secrets/de.bin",
        ore: "str /secrets/ore.bin",
        ore_params: "str /secrets/ore_params.bin",
        cpabe_pub: "str /secrets/cpabe_pub.bin",
        cpabe_secret: "str /secrets/cpabe_secret.bin",
      },
    });
    assert.deepEqual(Object.keys(module).sort(), [
      "backend_server",
      "basic_auth",
      "debug",
      "enc_worker_threads",
      "key_files",
      "kms",
      "kms_access_key",
      "policy",
      "web_conn_listen",
    ]);
  });

  it("is a text where a text looks like something else", () => {
    const configs = TRICKY.map((text) =>
      renderModuleConfig({
        ...URLS,
        user: text.replaceAll(":", "_"),
        password: text,
        token: TOKEN,
      }),
    );
    const read = inPython(configs);
    assert.deepEqual(
      read.map((config) => config["basic_auth"]),
      TRICKY.map((text) => ({ user: `str ${text.replaceAll(":", "_")}`, pass: `str ${text}` })),
    );
    // The KMS's and the Backend's own texts: names, and keys of digits alone.
    const names = TRICKY.filter((text) => /^[\w.-]+$/.test(text));
    const databaseUri = "mongodb://a:b@c:1/d";
    const jwtKeys = ["1".repeat(64), "0".repeat(64), `${"0".repeat(30)}1e3${"0".repeat(31)}`];
    for (const config of inPython(
      jwtKeys.map((jwtKey) => renderKmsConfig({ jwtKey, databaseUri })),
    )) {
      assert.equal(config["FLASK_JWT_SECRET_KEY"], `str ${jwtKeys.shift()}`);
    }
    for (const [render, keys] of [
      [
        (name: string) =>
          renderKmsConfig({
            ...{ jwtKey: "ab".repeat(32), databaseUri },
            overrides: { db_name: name, users_col_name: name },
          }),
        ["db_name", "users_col_name"],
      ],
      [
        (name: string) =>
          renderBackendConfig({ databaseUri, overrides: { db_name: name, col_name: name } }),
        ["db_name", "col_name"],
      ],
    ] as const) {
      const found = inPython(names.map(render));
      assert.deepEqual(
        found.map((config) => keys.map((key) => config[key])),
        names.map((name) => [`str ${name}`, `str ${name}`]),
      );
    }
  });

  it("is a whole number where the KMS's ranges and the modules' numbers are other than by default", () => {
    const databaseUri = "mongodb://a:b@c:1/d";
    const [kms, module] = inPython([
      renderKmsConfig({
        ...{ jwtKey: "ab".repeat(32), databaseUri },
        overrides: { OPE_OUT_MAX: String(2n ** 128n - 1n), OPE_IN_MAX: 10 ** 15, OPE_IN_MIN: 12 },
      }),
      renderModuleConfig({
        ...{ ...URLS, user: "a", password: "b", token: TOKEN },
        overrides: { max_post_retries: 0, enc_worker_threads: 64 },
      }),
    ]);
    assert.equal(kms?.["OPE_OUT_MAX"], "int 340282366920938463463374607431768211455");
    assert.equal(kms["OPE_IN_MAX"], "int 1000000000000000");
    assert.equal(kms["OPE_IN_MIN"], "int 12");
    assert.deepEqual(module?.["backend_server"], {
      url: `str ${URLS.backendUrl}`,
      max_post_retries: "int 0",
    });
    assert.equal(module["enc_worker_threads"], "int 64");
  });

  it("is every key and text of a collector's policy, whatever it looks like", () => {
    const policies = TRICKIER.map((text) => ({
      [text]: text,
      list: [text, { [text]: [text] }],
      deep: { [text]: { [text]: text } },
    }));
    const read = inPython(
      policies.map((policy) =>
        renderModuleConfig({ ...URLS, user: "a", password: "b", token: TOKEN, policy }),
      ),
    );
    assert.deepEqual(
      read.map((config) => config["policy"]),
      TRICKIER.map((text) => ({
        [text]: `str ${text}`,
        list: [`str ${text}`, { [text]: [`str ${text}`] }],
        deep: { [text]: { [text]: `str ${text}` } },
      })),
    );
  });

  it("is what JSON's other values are, in a policy, and what YAML says, where the policy is text", () => {
    const config = { ...URLS, user: "a", password: "b", token: TOKEN };
    const numbers = { zero: 0, below: -12, half: 0.5, large: 2 ** 53 - 1 };
    const others = { yes: true, no: false, nothing: null, list: [], map: {}, nested: [[], [{}]] };
    const text = [
      "default: {de_encrypt: no, abe_pol: '012'}",
      "octal: 012",
      "day: 2020-01-01",
      "nothing: ~",
      'text: "no"',
    ];
    const [map, own, all] = inPython([
      renderModuleConfig({ ...config, policy: { ...numbers, ...others } }),
      renderModuleConfig({ ...config, policy: text.join("\r\n") }),
      renderModuleConfig({
        ...config,
        debug: Object.fromEntries(DEBUG.map((flag) => [flag, true])),
      }),
    ]);
    assert.deepEqual(map?.["policy"], {
      ...{ zero: "int 0", below: "int -12", half: "float 0.5", large: "int 9007199254740991" },
      ...{ yes: "bool True", no: "bool False", nothing: "NoneType None" },
      ...{ list: [], map: {}, nested: [[], [{}]] },
    });
    assert.deepEqual(own?.["policy"], {
      default: { de_encrypt: "bool False", abe_pol: "str 012" },
      octal: "int 10",
      day: "date 2020-01-01",
      nothing: "NoneType None",
      text: "str no",
    });
    assert.deepEqual(all?.["debug"], Object.fromEntries(DEBUG.map((flag) => [flag, "bool True"])));
  });

  it("has keys that are texts, where an image knows keys that we don't", () => {
    const keys = ["no", "Yes", "on", "null", "true", "y", "N", "_1", "e3"];
    const overrides = Object.fromEntries(keys.map((key) => [key, "012"]));
    const databaseUri = "mongodb://a:b@c:1/d";
    const wanted = keys.map((key) => [key, "str 012"]);
    for (const config of inPython([
      renderKmsConfig({ jwtKey: "ab".repeat(32), databaseUri, overrides }),
      renderBackendConfig({ databaseUri, overrides }),
      renderModuleConfig({ ...URLS, user: "a", password: "b", token: TOKEN, overrides }),
    ])) {
      assert.deepEqual(
        keys.map((key) => [key, config[key]]),
        wanted,
      );
    }
  });

  it("is the same after an operator's change and a rotation", () => {
    const old = renderModuleConfig({ ...URLS, user: "no", password: "0x12", token: TOKEN })
      .replace("enc_worker_threads: 10", "enc_worker_threads: 0x10")
      .replace("index:\n", "index:\n    ours: [yes, 1_000, 2020-01-01, ~]\n");
    const fresh = renderModuleConfig({ ...URLS, user: "1e3", password: "null", token: TOKEN });
    const [before, after] = inPython([old, renewed(old, fresh, "config.yaml")]);
    const { basic_auth, ...others } = before ?? {};
    assert.deepEqual(basic_auth, { user: "str no", pass: "str 0x12" });
    assert.deepEqual(after, { ...others, basic_auth: { user: "str 1e3", pass: "str null" } });
    assert.equal(others["enc_worker_threads"], "int 16");
    assert.deepEqual((others["policy"] as { index: { ours: unknown } }).index.ours, [
      "bool True",
      "int 1000",
      "date 2020-01-01",
      "NoneType None",
    ]);
  });
});
