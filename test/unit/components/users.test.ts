import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { ModuleConfigs } from "../../../components/moduleConfigs.ts";
import { UserList } from "../../../components/userList.ts";
import { renderHtpasswd } from "../../../render/htpasswd.ts";
import { renderModuleConfig } from "../../../render/moduleConfig.ts";
import { mintToken } from "../../../render/token.ts";
import type { UserSettings } from "../../../settings/types.ts";
import { build, bytesOf, once, passwordOf, valueOf } from "./mocks.ts";

const USERS: readonly UserSettings[] = [
  { name: "collector", generation: 2 },
  { name: "analyst", generation: 1, password: "chosen by the operator" },
];
const saltOf = (user: string, seed?: string) =>
  bytesOf(`user-${user}-salt`, 16, seed).toString("base64");

describe("a user list", () => {
  const make = once(() => build(() => new UserList("user", { users: USERS })));

  it("makes a password for whom none is supplied, and a salt for everybody", async () => {
    const bytes = "random:index/randomBytes:RandomBytes";
    const rest = { parent: "user", secrets: [], options: {} };
    assert.deepEqual((await make()).resources, [
      {
        ...rest,
        type: "cybexp:index:UserList",
        name: "user",
        parent: undefined,
        inputs: {},
      },
      {
        ...rest,
        type: bytes,
        name: "user-analyst-salt",
        inputs: { length: 16, keepers: { generation: "1" } },
      },
      {
        ...rest,
        type: bytes,
        name: "user-collector-salt",
        inputs: { length: 16, keepers: { generation: "2" } },
      },
      {
        ...rest,
        type: "random:index/randomPassword:RandomPassword",
        name: "user-collector",
        inputs: { length: 32, special: false, keepers: { generation: "2" } },
      },
    ]);
  });

  it("tells what a client sends, as a secret, in the state as well", async () => {
    const { result, outputs } = await make();
    const credentials = {
      collector: { user: "collector", password: passwordOf("user-collector") },
      analyst: { user: "analyst", password: "chosen by the operator" },
    };
    assert.deepEqual(await valueOf(result.credentials), credentials);
    assert.equal(await pulumi.isSecret(result.credentials), true);
    assert.deepEqual(outputs.get("cybexp:index:UserList user"), {
      values: { credentials },
      secrets: ["credentials"],
    });
  });

  it("renders one htpasswd of these passwords and salts, as a secret", async () => {
    const { result } = await make();
    assert.equal(
      await valueOf(result.htpasswd),
      renderHtpasswd([
        {
          name: "collector",
          password: passwordOf("user-collector"),
          salt: saltOf("collector"),
        },
        { name: "analyst", password: "chosen by the operator", salt: saltOf("analyst") },
      ]),
    );
    assert.equal(await pulumi.isSecret(result.htpasswd), true);
  });

  it("keeps everything secret when all passwords are the operator's", async () => {
    const { result } = await build(() => new UserList("user", { users: USERS.slice(1) }));
    assert.equal(await pulumi.isSecret(result.htpasswd), true);
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
      collector: textFor("collector", passwordOf("user-collector")),
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
