/** The npm package as others use it: the example, deployed with what `npm pack` makes. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { PROGRAMS } from "../../names/programs.ts";
import { call, type ClientKey, type Credential } from "./client.ts";
import { Example } from "./example.ts";

/** By which an engine's ssh options reach ssh: a script. */
const SSH = "dist/programs/docker/ssh/ssh";

interface Outputs {
  readonly url: string;
  readonly ca: string;
  readonly passwords: Readonly<Record<string, Credential>>;
  readonly certificates: Readonly<Record<string, ClientKey>>;
}

let example: Example;
let outputs: Outputs;

/** Runs the CLI, which is to succeed. */
async function pulumi(...args: string[]): Promise<string> {
  const { code, output, stdout } = await example.pulumi(...args);
  assert.equal(code, 0, output);
  return stdout;
}

describe("the npm package, in a program of its own", () => {
  before(async () => {
    example = await Example.create();
  });
  after(() => example.remove());

  it("has the built components, their programs and their documentation, and nothing else", async () => {
    const { stdout } = await execa("tar", ["-tzf", example.tarball]);
    const files = stdout.split("\n").map((file) => file.replace("package/", ""));
    assert.deepEqual(files.filter((file) => !file.startsWith("dist/")).sort(), [
      "CHANGELOG.md",
      "LICENSE",
      "README.md",
      "docs/components.md",
      "package.json",
    ]);
    const built = files.filter((file) => file.startsWith("dist/"));
    assert.deepEqual(
      built.filter(
        (file) =>
          file !== SSH &&
          !/^dist\/(components|names|render|settings|programs(\/\w+)?)\/\w[\w-]*(\.d\.ts|\.js)$/.test(
            file,
          ),
      ),
      [],
    );
    for (const program of Object.values(PROGRAMS)) {
      assert.ok(built.includes(`dist/programs/${program}.js`), program);
    }
    const { stdout: ssh } = await execa("tar", ["-tvzf", example.tarball, `package/${SSH}`]);
    assert.match(ssh, /^-rwxr-xr-x /);
  });

  it("is deployed", async () => {
    await pulumi("stack", "init", example.stack);
    await pulumi("up", "--yes", "--skip-preview");
    outputs = JSON.parse(await pulumi("stack", "output", "--json", "--show-secrets")) as Outputs;
  });

  it("lets in callers with the password or the certificate, and nobody else", async () => {
    const { url, ca, passwords, certificates } = outputs;
    const [ann, bob] = [passwords["ann"], certificates["bob"]];
    assert.ok(ann && bob);
    const statuses = await Promise.all([
      call(url, { ca }),
      call(url, { ca, credential: { ...ann, password: "wrong" } }),
      call(url, { ca, credential: ann }),
      call(url, { ca, client: bob }),
    ]);
    assert.deepEqual(
      statuses.map(({ status }) => status),
      [401, 401, 200, 200],
    );
    assert.deepEqual(
      statuses.slice(2).map(({ text }) => text),
      ["Hello\n", "Hello\n"],
    );
    await assert.rejects(call(url, { credential: ann }), {
      code: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    });
  });

  it("runs the package's own programs, by no path", async () => {
    const { deployment } = JSON.parse(await pulumi("stack", "export")) as {
      deployment: { resources: { type: string; inputs?: { create?: string } }[] };
    };
    const commands = deployment.resources.filter(({ type }) => type === "command:local:Command");
    assert.ok(commands.length > 5);
    for (const { inputs } of commands) {
      assert.match(String(inputs?.create), /^node -e "import\('cybexp-pulumi\/run'\)" [a-z-]+$/);
    }
  });

  it("changes nothing when nothing changed", async () => {
    await pulumi("preview", "--expect-no-changes");
  });

  it("replaces the service behind the proxy during requests", async () => {
    const { url, ca, passwords } = outputs;
    const answers = new Set<string>();
    let done = false;
    const asking = (async () => {
      while (!done) {
        const { status, text } = await call(url, { ca, credential: passwords["ann"] });
        answers.add(`${status} ${text.trim()}`);
        await sleep(20);
      }
    })();
    example.write("index.ts", example.read("index.ts").replace("Hello\\n", "Hello again\\n"));
    await pulumi("up", "--yes", "--skip-preview");
    done = true;
    await asking;
    assert.deepEqual([...answers], ["200 Hello", "200 Hello again"]);
  });

  it("leaves nothing behind", async () => {
    assert.notDeepEqual(example.leftovers(), []);
    await pulumi("destroy", "--yes", "--skip-preview");
    assert.deepEqual(example.leftovers(), []);
  });
});
