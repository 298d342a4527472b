/** Values that are known late, and what of them is refused. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import { HttpService } from "../../../components/httpService.ts";
import { checked, isKnown, listed } from "../../../components/late.ts";
import { RotationGuard } from "../../../components/rotationGuard.ts";
import { UserList } from "../../../components/userList.ts";
import { callerHeaders, checkRealm } from "../../../render/callerHeaders.ts";
import { wholeNumber } from "../../../render/check.ts";
import { checkOrganization } from "../../../render/clientName.ts";
import { CONTAINER } from "../../../names/types.ts";
import { build, deployment, the, valueOf } from "./mocks.ts";

const port = (value: pulumi.Input<number>) =>
  checked(value, (known) => {
    wholeNumber("the port", known, 1, 65_535);
  });
const message = "the port is 0, but must be a whole number from 1 to 65535";

describe("a value", () => {
  it("is checked at once if it is known", async () => {
    assert.throws(() => port(0), { message });
    assert.equal(await valueOf(port(pulumi.output(1))), 1);
  });

  it("is known if nothing in it is an output or a promise", () => {
    assert.deepEqual(
      [1, ["a", { b: undefined }], { c: [pulumi.output(1)] }, Promise.resolve(1)].map(isKnown),
      [true, true, false, false],
    );
  });
});

describe("a list that names resources", () => {
  it("is refused in a sentence if it, or a name in it, is late", () => {
    const users = pulumi.secret([{ name: "ann" }]) as never;
    assert.throws(() => listed("the users of user", users), {
      message:
        /^the users of user is a secret or known late as a whole, but its names must be plain/,
    });
    assert.throws(() => listed("the users of user", [{ name: pulumi.output("ann") as never }]), {
      message: /^the name of number 1 in the users of user is a secret or known late, but/,
    });
  });

  it("has passwords that are late, which stay secret", async () => {
    const { result, resources } = await build(
      () =>
        new UserList("user", {
          users: [{ name: "ann", password: pulumi.output("twenty characters at least") }],
        }),
    );
    assert.deepEqual(await valueOf(result.credentials), {
      ann: { user: "ann", password: "twenty characters at least" },
    });
    const kept = resources.find(({ name }) => name === "user-ann-1");
    assert.deepEqual(kept?.secrets, ["keepers"]);
  });
});

describe("a service", () => {
  it("takes every value late, and is the same as with plain ones", async () => {
    const make = (late: <T>(value: T) => pulumi.Input<T>) =>
      build(
        () =>
          new HttpService("web", {
            deployment: deployment(),
            role: "web",
            image: late("sha256:1"),
            port: late(8000),
            user: late("1:1"),
            bind: { address: late("127.0.0.1"), port: late(8000) },
            command: late(["serve", "it"]),
            environment: late({ A: late("1") }),
            healthCheck: late(["true"]),
            files: { "/a": late("text") },
            egress: late(true),
            stopGrace: late(9),
            memory: late(64),
            cpus: late(0.5),
            tmpSize: late(8),
          }),
      );
    const [plain, late] = [
      await make((value) => value),
      await make((v) => pulumi.output(v) as never),
    ];
    assert.deepEqual(late.resources, plain.resources);
    const { inputs } = the(late, CONTAINER, "web");
    assert.deepEqual(inputs["envs"], ["A=1"]);
    assert.deepEqual(inputs["ports"], [{ ip: "127.0.0.1", external: 8000, internal: 8000 }]);
  });
});

describe("names that are arguments", () => {
  it("are refused where they would mean something else", () => {
    assert.deepEqual(callerHeaders({ user: "X-WEBAUTH-USER" }), {
      user: "X-WEBAUTH-USER",
      enteredBy: "X-Authenticated-By",
      client: "X-Authenticated-Client",
    });
    for (const user of ["Authorization", "X-Real-IP", "host", "X_User", "X-User;", "Cookie"]) {
      assert.throws(() => callerHeaders({ user }), RangeError, user);
    }
    assert.throws(() => callerHeaders({ client: "x-authenticated-user" }), {
      message: "the caller headers have the name x-authenticated-user twice: each needs its own",
    });
    assert.equal(checkRealm("Members of the club (2027)"), "Members of the club (2027)");
    for (const realm of ["", "it's", 'a"', "$a", "a\\", " a", "a\n", "é"]) {
      assert.throws(() => checkRealm(realm), RangeError, realm);
    }
    assert.equal(checkOrganization("Example & Sons (Reno)"), "Example & Sons (Reno)");
    for (const text of ["", "a, b", 'a"', "$a", "a=b", "a ", "a+b"]) {
      assert.throws(() => checkOrganization(text), RangeError, text);
    }
  });
});

describe("a guard of any program", () => {
  it("is told the numbers of users, clients and others, and which of them go one at a time", async () => {
    const built = await build(
      () =>
        new RotationGuard("guard", {
          users: [{ name: "ann", generation: 2, retired: 1 }],
          numbers: { "server CA": 3, salt: pulumi.output(7) },
          free: ["salt"],
          consequences: { salt: "all is new" },
        }),
    );
    assert.deepEqual(the(built, "command:local:Command", "guard").inputs["stdin"], {
      numbers: { "user ann": 2, "server CA": 3, salt: 7 },
      steps: ["server CA"],
      fixed: {},
      consequences: { salt: "all is new" },
    });
  });
});
