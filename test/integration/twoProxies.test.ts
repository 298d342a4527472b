/** One service behind two proxies, by the npm package: each of them lets in its own callers, and neither misses one. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, type ClientKey, type Credential } from "./client.ts";
import { Example } from "./example.ts";
import { docker, freePorts } from "./project.ts";

interface Outputs {
  readonly urls: { readonly people: string; readonly machines: string };
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

const container = (role: string) => `two-proxies-${example.stack}-${role}`;
const inspect = (role: string, format: string) =>
  docker("container", "inspect", `--format=${format}`, container(role));

const people = () => call(outputs.urls.people, { ca: outputs.ca, credential: ann() });
const machines = () => call(outputs.urls.machines, { ca: outputs.ca, client: bob() });

function ann(): Credential {
  const found = outputs.passwords["ann"];
  assert.ok(found);
  return found;
}

function bob(): ClientKey {
  const found = outputs.certificates["bob"];
  assert.ok(found);
  return found;
}

describe("a service behind two proxies", () => {
  before(async () => {
    const [first = 0, second = 0] = await freePorts(2);
    example = await Example.of("two-proxies", {
      image: "cybexp-demo/backend:1",
      proxyImage: "cybexp-demo/nginx:1",
      people: first,
      machines: second,
    });
    await pulumi("stack", "init", example.stack);
    await pulumi("up", "--yes", "--skip-preview");
    outputs = JSON.parse(await pulumi("stack", "output", "--json", "--show-secrets")) as Outputs;
  });
  after(() => example.remove());

  it("has a container, a network and volumes for each of them", () => {
    assert.deepEqual(
      example.leftovers().sort(),
      [
        ...["machines", "people", "site"].map(container),
        ...["edge-machines", "edge-people", "site"].map(container),
        ...["bodies", "certificates", "release"].flatMap((volume) =>
          ["machines", "people"].map((role) => container(`${role}-${volume}`)),
        ),
        container("site-config"),
      ].sort(),
    );
  });

  it("has labels of its own, without a name of CYBEX-P", () => {
    for (const role of ["machines", "people", "site"]) {
      const labels = JSON.parse(inspect(role, "{{json .Config.Labels}}")) as Record<string, string>;
      assert.equal(labels["two-proxies.role"], role);
      assert.equal(labels["two-proxies.stack"], example.stack);
      assert.deepEqual(
        Object.keys(labels).filter((name) => name.startsWith("cybexp.") && !name.includes("image")),
        [],
      );
    }
  });

  it("lets in those with the password at one, and those with the certificate at the other", async () => {
    const { urls, ca } = outputs;
    const answers = await Promise.all([
      people(),
      machines(),
      call(urls.people, { ca, client: bob() }),
      call(urls.machines, { ca, credential: ann() }),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 401, 403],
    );
  });

  it("is replaced behind both during requests", async () => {
    const answers = { people: new Set<string>(), machines: new Set<string>() };
    let done = false;
    const ask = async (who: keyof typeof answers, asking: typeof people) => {
      while (!done) {
        const { status, text } = await asking();
        answers[who].add(`${status} ${text.trim()}`);
        await sleep(20);
      }
    };
    const all = Promise.all([ask("people", people), ask("machines", machines)]);
    example.write("index.ts", example.read("index.ts").replace("Hello\\n", "Hello again\\n"));
    await pulumi("up", "--yes", "--skip-preview");
    done = true;
    await all;
    for (const seen of Object.values(answers)) {
      assert.deepEqual([...seen], ["200 Hello", "200 Hello again"]);
    }
    assert.deepEqual(
      example.leftovers().filter((name) => name.endsWith("-handover")),
      [],
    );
  });

  it("goes on behind one while the other is changed and reloaded", async () => {
    const release = (role: string) =>
      docker("exec", container(role), "readlink", "/release/current");
    const were = { people: release("people"), machines: release("machines") };
    const text = example.read("index.ts");
    const changed = text.replace(
      'access, maxBody: "1m"',
      'access, maxBody: role === "people" ? "2m" : "1m"',
    );
    assert.notEqual(changed, text);
    example.write("index.ts", changed);
    const ids = () => ["people", "machines"].map((role) => inspect(role, "{{.Id}}"));
    const before = ids();
    await pulumi("up", "--yes", "--skip-preview");
    assert.deepEqual(ids(), before);
    assert.notEqual(release("people"), were.people);
    assert.equal(release("machines"), were.machines);
    assert.deepEqual([(await people()).status, (await machines()).status], [200, 200]);
  });

  it("changes nothing when nothing changed, and leaves nothing behind", async () => {
    await pulumi("preview", "--expect-no-changes");
    await pulumi("destroy", "--yes", "--skip-preview");
    assert.deepEqual(example.leftovers(), []);
  });
});

describe("a deployment's id", () => {
  const id = async (program: string): Promise<string> => {
    example.write("index.ts", program);
    await pulumi("up", "--yes", "--skip-preview");
    return (JSON.parse(await pulumi("stack", "output", "--json")) as { id: string }).id;
  };
  before(async () => {
    example = await Example.of("two-proxies", {});
    await pulumi("stack", "init", example.stack);
  });
  after(async () => {
    await pulumi("destroy", "--yes", "--skip-preview");
    await example.remove();
  });

  it("is the one that earlier versions made beside it, and not replaced", async () => {
    const before = await id(
      'import * as random from "@pulumi/random";\nexport const id = new random.RandomId("deployment", { byteLength: 8 }).hex;\n',
    );
    const own =
      'import * as cybexp from "cybexp-pulumi";\nexport const { id } = new cybexp.Deployment';
    assert.match(before, /^[0-9a-f]{16}$/);
    assert.equal(await id(`${own}("deployment", { throwaway: true });\n`), before);
    assert.notEqual(await id(`${own}("another", { throwaway: true });\n`), before);
  });
});
