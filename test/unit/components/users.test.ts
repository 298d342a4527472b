import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { ModuleConfigs } from "../../../components/moduleConfigs.ts";
import { UserList } from "../../../components/userList.ts";
import { renderHtpasswd } from "../../../render/htpasswd.ts";
import { passwordDigest } from "../../../render/passwordDigest.ts";
import { renderModuleConfig } from "../../../render/moduleConfig.ts";
import { mintToken } from "../../../render/token.ts";
import type { UserSettings } from "../../../settings/types.ts";
import { build, bytesOf, once, passwordOf, valueOf } from "./mocks.ts";

const USERS: readonly UserSettings[] = [
  { name: "collector", generation: 2, retired: 1 },
  { name: "analyst", generation: 1, retired: 0, password: "chosen by the operator" },
];
const saltOf = (user: string, seed?: string) =>
  bytesOf(`user-${user}-salt`, 16, seed).toString("base64");

describe("a user list", () => {
  const make = once(() => build(() => new UserList("user", { users: USERS })));

  it("has a password and a salt for each user, and one salt for all", async () => {
    const password = "random:index/randomPassword:RandomPassword";
    const bytes = "random:index/randomBytes:RandomBytes";
    const rest = { parent: "user", secrets: [], options: {} };
    const generated = { length: 32, special: false };
    const rotated = (name: string) => ({
      ...rest,
      type: "cybexp:index:RotatedPassword",
      name,
      inputs: {},
    });
    assert.deepEqual((await make()).resources, [
      rotated("user-analyst"),
      rotated("user-collector"),
      { ...rest, type: "cybexp:index:UserList", name: "user", parent: undefined, inputs: {} },
      { ...rest, type: bytes, name: "user-analyst-salt", inputs: { length: 16 } },
      { ...rest, type: bytes, name: "user-collector-salt", inputs: { length: 16 } },
      {
        type: password,
        name: "user-analyst-1",
        parent: "user-analyst",
        inputs: { ...generated, keepers: { password: "chosen by the operator" } },
        secrets: ["keepers"],
        options: {},
      },
      {
        type: password,
        name: "user-collector-2",
        parent: "user-collector",
        inputs: { ...generated, keepers: { password: "" } },
        secrets: ["keepers"],
        options: {},
      },
      { ...rest, type: password, name: "user-salt", inputs: generated },
    ]);
  });

  it("outputs what a client sends, as a secret, in the state as well", async () => {
    const { result, outputs } = await make();
    const credentials = {
      collector: { user: "collector", password: passwordOf("user-collector-2") },
      analyst: { user: "analyst", password: "chosen by the operator" },
    };
    assert.deepEqual(await valueOf(result.credentials), credentials);
    assert.equal(await pulumi.isSecret(result.credentials), true);
    assert.deepEqual(outputs.get("cybexp:index:UserList user"), {
      values: { credentials },
      secrets: ["credentials"],
    });
  });

  const CREDENTIALS = {
    collector: passwordOf("user-collector-2"),
    analyst: "chosen by the operator",
  };
  const salt = passwordOf("user-salt");
  const digests = Object.fromEntries(
    Object.entries(CREDENTIALS).map(([name, password]) => [
      name,
      passwordDigest({ salt, name, password }),
    ]),
  );
  const htpasswd = (passwords: Readonly<Record<string, string>>) =>
    renderHtpasswd(
      Object.entries(passwords).map(([name, password]) => ({
        name,
        password,
        salt: saltOf(name),
      })),
    );

  it("gives a digest of each password in use, and the same in htpasswd, as a secret", async () => {
    const { result } = await make();
    assert.deepEqual(await valueOf(result.check), {
      salt,
      digests,
      htpasswd: htpasswd(CREDENTIALS),
    });
    assert.equal(await pulumi.isSecret(result.check), true);
  });

  it("has the previous password in htpasswd while it is valid", async () => {
    const [collector, analyst] = USERS;
    const { result } = await build(
      () =>
        new UserList("user", {
          users: [{ ...(collector as UserSettings), retired: 0 }, analyst as UserSettings],
        }),
    );
    const previous = { ...CREDENTIALS, collector: passwordOf("user-collector-1") };
    assert.deepEqual(await valueOf(result.check), { salt, digests, htpasswd: htpasswd(previous) });
    assert.equal(
      (await valueOf(result.credentials))["collector"]?.password,
      passwordOf("user-collector-2"),
    );
  });

  it("keeps everything secret when all passwords are the operator's", async () => {
    const { result } = await build(() => new UserList("user", { users: USERS.slice(1) }));
    assert.equal(await pulumi.isSecret(result.check), true);
    assert.equal(await pulumi.isSecret(result.credentials), true);
  });
});

describe("the modules' configs", () => {
  const jwtKey = "5".repeat(64);

  it("are complete, one for each user, and secret in the state as well", async () => {
    const { result, resources, outputs } = await build(
      () =>
        new ModuleConfigs("module", {
          kmsUrl: "https://cybexp.example.edu:5002",
          backendUrl: "https://cybexp.example.edu:5001",
          users: new UserList("user", { users: USERS }),
          jwtKey: pulumi.output(jwtKey),
          jwtKeyGeneration: 6,
        }),
    );
    const textFor = (user: string, password: string) =>
      renderModuleConfig({
        kmsUrl: "https://cybexp.example.edu:5002",
        backendUrl: "https://cybexp.example.edu:5001",
        user,
        password,
        token: mintToken({ key: jwtKey, subject: user, issuedAt: 0, tokenId: `${user}-6` }),
      });
    const configs = {
      collector: textFor("collector", passwordOf("user-collector-2")),
      analyst: textFor("analyst", "chosen by the operator"),
    };
    assert.deepEqual(await valueOf(result.configs), configs);
    assert.equal(await pulumi.isSecret(result.configs), true);
    assert.deepEqual(outputs.get("cybexp:index:ModuleConfigs module"), {
      values: { configs },
      secrets: ["configs"],
    });
    assert.deepEqual(
      resources.filter(({ parent }) => parent === "module"),
      [],
    );
  });
});
