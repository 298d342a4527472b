/** The KMS's accounts and keys: what the program gets, and what the outputs have. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { KmsAccounts } from "../../../components/kmsAccounts.ts";
import { KmsKeys } from "../../../components/kmsKeys.ts";
import { kmsKeyFiles } from "../../../render/kmsConfig.ts";
import { mintToken } from "../../../render/token.ts";
import {
  build,
  bytesOf,
  COMMAND,
  containerIdOf,
  OWNER,
  deployment,
  fingerprintOf,
  once,
  passwordOf,
  run,
  the,
  valueOf,
} from "./mocks.ts";
import { kms, SETTINGS } from "./parts.ts";

const USERS = [{ name: "collector" }, { name: "ann", attributes: ["UNR", "RESEARCH"] }];
const token = (subject: string, generation: number) =>
  mintToken({
    key: bytesOf("kms-jwt-key", 32).toString("hex"),
    subject,
    issuedAt: 0,
    tokenId: `${subject}-${generation}`,
  });

const accounts = (jwtKeyGeneration = 1) =>
  build(
    () =>
      new KmsAccounts("kms-accounts", {
        deployment: deployment(),
        kms: kms(),
        administrator: "boss",
        users: USERS,
        jwtKeyGeneration,
      }),
  );
const usual = once(() => accounts());

describe("the accounts of the KMS", () => {
  it("are made by a program that gets passwords and tokens on standard input, as a secret", async () => {
    const program = the(await usual(), COMMAND, "kms-accounts");
    assert.deepEqual(program.secrets, ["stdin"]);
    assert.deepEqual(program.inputs, {
      ...run("accounts"),
      addPreviousOutputInEnv: true,
      logging: "stderr",
      stdin: {
        container: containerIdOf("kms"),
        administrator: {
          name: "boss",
          password: passwordOf("kms-administrator"),
          token: token("boss", 1),
        },
        users: [
          {
            name: "ann",
            password: passwordOf("kms-account-ann"),
            token: token("ann", 1),
            attributes: ["UNR", "RESEARCH"],
          },
        ],
        givenUp: false,
      },
      environment: {
        DATABASE: containerIdOf("kms-db"),
        ACCOUNTS: '{"administrator":"boss","users":{"ann":["UNR","RESEARCH"]}}',
      },
    });
  });

  it("have a password each, for users with attributes alone", async () => {
    const made = (await usual()).resources.filter(({ parent }) => parent === "kms-accounts");
    assert.deepEqual(
      made.map(({ name }) => name),
      ["kms-accounts", "kms-account-ann", "kms-administrator"],
    );
  });

  it("are secret outputs", async () => {
    const { result } = await usual();
    assert.equal(await pulumi.isSecret(result.administrator), true);
    assert.equal(await pulumi.isSecret(result.users), true);
    assert.deepEqual(await valueOf(result.administrator), {
      user: "boss",
      password: passwordOf("kms-administrator"),
      token: token("boss", 1),
    });
    assert.deepEqual(await valueOf(result.users), {
      ann: {
        user: "ann",
        password: passwordOf("kms-account-ann"),
        token: token("ann", 1),
        attributes: ["UNR", "RESEARCH"],
      },
    });
  });

  it("get other tokens with another key", async () => {
    const { result } = await accounts(2);
    assert.equal((await valueOf(result.administrator)).token, token("boss", 2));
  });
});

describe("the keys of the KMS", () => {
  // A throw-away one looks at nothing else.
  const throwaway = () => deployment({ throwaway: true });
  const make = () =>
    new KmsKeys("kms-key-files", {
      deployment: throwaway(),
      kms: kms({ deployment: throwaway() }),
      settings: SETTINGS.kms,
      lost: ["kms-keys@0123456789ab"],
    });
  const keys = once(() => build(make));
  const question = {
    ...OWNER,
    stack: "test",
    volume: "cybexp-test-kms-secrets",
    files: kmsKeyFiles(),
    lost: ["kms-keys@0123456789ab"],
  };

  it("are recorded after each start of the KMS, and looked at in each run", async () => {
    const built = await keys();
    const program = the(built, COMMAND, "kms-key-files");
    assert.deepEqual(program.secrets, []);
    assert.deepEqual(program.inputs, {
      ...run("key-files"),
      addPreviousOutputInEnv: true,
      logging: "stderr",
      stdin: question,
      environment: { KMS: containerIdOf("kms") },
    });
    const record = {
      keys: Object.fromEntries(kmsKeyFiles().map((file) => [file, fingerprintOf(file)])),
    };
    const looks = built.looks.filter((look) => look.program === "check-keys");
    assert.deepEqual(
      looks.map(({ input }) => input),
      [{ ...question, record }],
    );
  });

  it("are outputs in clear, the public ones alone", async () => {
    const { fingerprints } = (await keys()).result;
    assert.equal(await pulumi.isSecret(fingerprints), false);
    assert.deepEqual(await valueOf(fingerprints), {
      "DE_key.pem": fingerprintOf("DE_key.pem"),
      "cpabe-pk.binary": fingerprintOf("cpabe-pk.binary"),
    });
  });

  it("end a run if they are others", async () => {
    const found = { refused: ["the KMS has other keys"], idle: [] };
    await build(() => assert.rejects(make().checked, { message: "the KMS has other keys" }), {
      found,
    });
  });
});
