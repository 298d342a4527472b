/** Where the state may be kept, and by what its secrets may be encrypted. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Fault } from "../../settings/fault.ts";
import { SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import {
  folderOf,
  isPulumiCloud,
  parseBackend,
  parseSecretsProvider,
} from "../../settings/state.ts";

const BACKENDS = "Allowed: file:///path, s3://, gs://, azblob:// or https:// (Pulumi Cloud).";
const ENVIRONMENT =
  "Put credentials into the environment (AWS_ACCESS_KEY_ID, PULUMI_ACCESS_TOKEN, ...), never into the stack's file.";

function faultOf(result: unknown): Fault {
  assert.ok(result instanceof Fault, String(result));
  return result;
}

describe("the backend", () => {
  for (const url of [
    "file:///srv/cybexp-state",
    "file:///srv/cybexp state?metadata=skip",
    "s3://bucket",
    "s3://bucket/folder?region=eu-central-1&profile=cybexp",
    "s3://state.lab.internal?endpoint=https://minio.lab.internal:9000&s3ForcePathStyle=true&region=us-east-1",
    "s3://bucket?endpoint=127.0.0.1:9000&disableSSL=true&use_path_style=true&awssdk=v2",
    "gs://bucket/folder",
    "azblob://container?storage_account=name",
    "https://api.pulumi.com",
    "https://pulumi.lab.internal:8443/base",
  ]) {
    it(`may be ${url}`, () => assert.equal(parseBackend(url), url));
  }

  for (const raw of [
    "",
    "s3",
    "s3:bucket",
    "S3://bucket",
    "http://pulumi.lab.internal",
    "postgres://host/db",
    "ssh://host",
    "__proto__://x",
    "constructor://x",
    5,
    null,
    ["s3://bucket"],
  ]) {
    it(`can't be ${JSON.stringify(raw)}`, () => {
      const { reason, remedy } = faultOf(parseBackend(raw));
      assert.equal(reason, BACKENDS);
      assert.equal(
        remedy,
        "Write, for example, file:///srv/cybexp-state or s3://bucket?region=eu-central-1.",
      );
    });
  }

  for (const [url, example] of [
    ["file://", "file:///srv/cybexp-state"],
    ["file:///", "file:///srv/cybexp-state"],
    ["file://state", "file:///srv/cybexp-state"],
    ["file://./state", "file:///srv/cybexp-state"],
    ["file://~", "file:///srv/cybexp-state"],
    ["file:///srv/state/", "file:///srv/cybexp-state"],
    ["s3://", "s3://bucket?region=eu-central-1"],
    ["s3://a bucket", "s3://bucket?region=eu-central-1"],
    ["s3://bucket#x", "s3://bucket?region=eu-central-1"],
    ["https:///x", "https://api.pulumi.com"],
  ] as const) {
    it(`can't be ${url}, which is incomplete`, () => {
      const { reason, remedy } = faultOf(parseBackend(url));
      assert.equal(reason, `This is not a complete ${url.split(":")[0]}:// URL. ${BACKENDS}`);
      assert.equal(remedy, `Write, for example, ${example}.`);
    });
  }

  for (const url of ["https://me:s3cret@api.pulumi.com", "s3://AKIA:s3cret@bucket?region=x"]) {
    it(`has no name or password in it: ${url}`, () => {
      const { reason, remedy } = faultOf(parseBackend(url));
      assert.equal(reason, "It has a user name or password before the @.");
      assert.equal(remedy, ENVIRONMENT);
    });
  }

  for (const [url, taken] of [
    ["gs://bucket?token=s3cret", "prefix, access_id, private_key_path, anonymous, universe_domain"],
    ["file:///srv/x?secret_key_path=s3cret", "metadata, no_tmp_dir, create_dir, dir_file_mode"],
    ["https://api.pulumi.com?access_token=s3cret", "no parameters"],
    ["azblob://c?sig=s3cret", "prefix, storage_account, domain, protocol, cdn, localemu"],
  ] as const) {
    it(`has no unknown parameter: ${url}`, () => {
      const { reason, remedy, shown } = faultOf(parseBackend(url));
      assert.equal(
        reason,
        `A parameter after the ? is unknown, or is a secret. Allowed with ${url.split(":")[0]}://: ${taken}.`,
      );
      assert.equal(remedy, `Remove it. ${ENVIRONMENT}`);
      assert.equal(shown, `${url.split("?")[0]}?...`);
    });
  }

  it("is Pulumi Cloud's if it is https", () => {
    assert.equal(isPulumiCloud("https://api.pulumi.com"), true);
    assert.equal(isPulumiCloud("s3://https"), false);
  });

  it("has a folder if it is a file backend", () => {
    assert.equal(folderOf("file:///srv/a b?metadata=skip"), "/srv/a b");
    assert.equal(folderOf("s3://bucket/file:///srv"), undefined);
  });
});

describe("the secrets provider", () => {
  for (const provider of [
    "passphrase",
    "default",
    "awskms://alias/cybexp?region=eu-central-1&context_env=prod",
    "awskms:///arn:aws:kms:us-east-1:111122223333:key/34ac-56ef?region=us-east-1",
    "gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k",
    "azurekeyvault://vault.vault.azure.net/keys/cybexp",
    "hashivault://cybexp?engine=transit",
  ]) {
    it(`may be ${provider}`, () => assert.equal(parseSecretsProvider(provider), provider));
  }

  for (const provider of ["", "Passphrase", "none", "s3://key", true, 1]) {
    it(`can't be ${JSON.stringify(provider)}`, () => {
      assert.equal(
        faultOf(parseSecretsProvider(provider)).reason,
        "Allowed: passphrase, default (Pulumi Cloud's own), awskms://, gcpkms://, azurekeyvault:// or hashivault://.",
      );
    });
  }

  for (const provider of [
    "hashivault://",
    "hashivault://token:s3cret@key",
    "hashivault://key?token=s3cret",
    "awskms://alias/x?aws_secret_access_key=s3cret",
  ]) {
    it(`can't be ${provider}`, () => {
      const { shown } = faultOf(parseSecretsProvider(provider));
      assert.ok(!provider.includes("?") || shown === `${provider.split("?")[0]}?...`);
    });
  }
});

describe("the report", () => {
  const base = {
    kms: { image: "k:1", bind: "127.0.0.1:5012", listen: 5002 },
    backend: { image: "b:1", bind: "127.0.0.1:5011", listen: 5001 },
    database: { image: "m:1" },
    proxy: { image: "n:1", serverName: "localhost", address: "127.0.0.1" },
    users: [{ name: "collector" }],
  };
  const problems = (state: unknown, more: object = {}) => {
    try {
      readSettings({ stack: "a", values: { ...base, ...more, state }, secretKeys: new Set() });
    } catch (error) {
      assert.ok(error instanceof SettingsError, String(error));
      return error.problems;
    }
    return [];
  };

  it("shows no credential, whatever else is wrong", () => {
    for (const production of [false, true]) {
      for (const state of [
        { backend: "s3://AKIA:s3cret@bucket.example.edu" },
        { backend: "s3://bucket.example.edu?secret=s3cret" },
        { backend: "ftp://bucket?secret=s3cret" },
        { backend: "ftp://me:s3cret@host" },
        { secretsProvider: "hashivault://k?token=s3cret" },
        { secretsProvider: "hashivault://me:s3cret@k" },
      ]) {
        const found = problems(state, { production });
        assert.ok(found.length > 0, JSON.stringify(state));
        assert.ok(!JSON.stringify(found).includes("s3cret"), JSON.stringify(found));
      }
    }
  });

  it("refuses Pulumi Cloud's keys for a state that is kept elsewhere", () => {
    const secretsProvider = "default";
    assert.deepEqual(problems({ backend: "s3://bucket", secretsProvider }), [
      {
        path: "cybexp:state.secretsProvider",
        value: '"default"',
        reason: "These are Pulumi Cloud's own keys, but the state is kept elsewhere.",
        remedy: "Write passphrase, or the URL of a key in a key service.",
      },
    ]);
    assert.deepEqual(problems({ backend: "https://api.pulumi.com", secretsProvider }), []);
    assert.deepEqual(problems({ secretsProvider }), []);
    // Told once of a backend that is none.
    assert.equal(problems({ backend: "http://x", secretsProvider }).length, 1);
  });
});
