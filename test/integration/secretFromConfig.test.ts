/** The example with secrets from the config, deployed with what `npm pack` makes: guarded before, checked after. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { call } from "./client.ts";
import { Example } from "./example.ts";
import { docker, freePorts } from "./project.ts";

const PASSWORD = "chosen for the config";
const LATER = "another of its owner's";
const TOKEN = "0123456789abcdefghij";

let example: Example;
let url: string;
let ca: string;

async function pulumi(...args: string[]): Promise<string> {
  const { code, output, stdout } = await example.pulumi(...args);
  assert.equal(code, 0, output);
  return stdout;
}

const setPassword = (password: string) =>
  example.setSecret("passwords", JSON.stringify({ ann: password }));

/** What a run says that fails. */
async function refused(...run: string[]): Promise<string> {
  const { code, output } = await example.pulumi(
    ...(run.length > 0 ? run : ["up", "--yes", "--skip-preview"]),
  );
  assert.notEqual(code, 0, output);
  assert.ok(![PASSWORD, LATER, TOKEN].some((secret) => output.includes(secret)));
  assert.doesNotMatch(output, /^ +at .*:\d+:\d+/m);
  return output;
}

const ann = (password: string) => call(url, { ca, credential: { user: "ann", password } });

describe("a program with secrets from its config", () => {
  before(async () => {
    const [port] = await freePorts(1);
    example = await Example.of("secret-from-config", {
      image: "cybexp-demo/backend:1",
      proxyImage: "cybexp-demo/nginx:1",
      port,
    });
    await pulumi("stack", "init", example.stack);
    await setPassword("short");
    await example.setSecret("token", TOKEN);
  });
  after(() => example.remove());

  it("is refused in one sentence where a password is known to be none, in a preview already", async () => {
    assert.match(await refused("preview"), /the password of ann: The password has 5 characters\./);
    assert.deepEqual(example.leftovers(), []);
  });

  it("is deployed, and lets in who has the password, telling the service who it is", async () => {
    await setPassword(PASSWORD);
    await pulumi("up", "--yes", "--skip-preview");
    ({ url, ca } = JSON.parse(await pulumi("stack", "output", "--json")) as typeof example & {
      url: string;
      ca: string;
    });
    const answer = await call(url, {
      ca,
      credential: { user: "ann", password: PASSWORD },
      headers: { "X-Authenticated-User": "root", X_Authenticated_User: "root" },
    });
    assert.equal(answer.status, 200);
    assert.match(answer.text, /^ann at [a-z]+-[a-z]+, which has a token of 20 characters\n$/);
    assert.equal((await ann("not the one in the config")).status, 401);
  });

  it("has its secrets neither in the state as text nor in what Docker shows of the container", () => {
    const shown = docker("inspect", `secret-from-config-${example.stack}-site`);
    assert.match(shown, /"INSTANCE=[a-z]+-[a-z]+"/);
    for (const secret of [PASSWORD, TOKEN]) {
      assert.ok(!example.state().includes(secret));
      assert.ok(!shown.includes(secret));
    }
  });

  it("changes nothing when nothing changed", async () => {
    await pulumi("preview", "--expect-no-changes");
  });

  it("has its guard refuse a rotation that skips a number, and keeps the password", async () => {
    await pulumi("config", "set", "generation", "3");
    await setPassword(LATER);
    assert.match(
      await refused(),
      /the number of user ann went from 1 to 3: raise it by one, run up, and repeat/,
    );
    assert.equal((await ann(PASSWORD)).status, 200);
  });

  it("keeps the password before in the next generation", async () => {
    await pulumi("config", "set", "generation", "2");
    await pulumi("up", "--yes", "--skip-preview");
    assert.deepEqual(
      await Promise.all([ann(PASSWORD), ann(LATER)].map(async (answer) => (await answer).status)),
      [200, 200],
    );
  });

  it("has its check fail where the service answers something else, and say so", async () => {
    await example.setSecret("token", `${TOKEN}${TOKEN}`);
    assert.match(
      await refused(),
      /https:\/\/localhost:\d+\/ answers 200, but with another body than is expected/,
    );
  });

  it("is refused where a secret is put into the environment", async () => {
    const right = example.read("index.ts");
    example.write(
      "index.ts",
      right.replace('TOKEN_FILE: "/token" }', 'TOKEN: config.requireSecret("token") }'),
    );
    assert.match(
      await refused(),
      /TOKEN in the environment of site is a secret, but `docker inspect` shows it/,
    );
    example.write("index.ts", right);
  });

  it("leaves nothing behind", async () => {
    assert.notDeepEqual(example.leftovers(), []);
    await pulumi("destroy", "--yes", "--skip-preview");
    assert.deepEqual(example.leftovers(), []);
  });
});
