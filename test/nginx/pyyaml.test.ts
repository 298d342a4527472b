import assert from "node:assert/strict";
import { describe, it } from "node:test";
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
        return {key: plain(item) for key, item in value.items()}
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
  });
});
