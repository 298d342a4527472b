import assert from "node:assert/strict";
import { execa } from "execa";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { demoImages, ensureImages } from "../../machine/images.ts";
import { catalogue, type DemoImage } from "../../machine/images/catalogue.ts";
import { hubPath, Registry } from "../../machine/images/registry.ts";
import { KEY_LABEL } from "../../machine/images/state.ts";
import { Docker } from "../../programs/docker/docker.ts";
import { TestRegistry } from "./registry.ts";
import { Sandbox } from "./sandbox.ts";

let sandbox: Sandbox;
/** What this file named, to be removed. */
const names = new Set<string>();
before(async () => void (sandbox = await Sandbox.open()));
after(async () => {
  for (const name of names) {
    await sandbox.tryDocker("image", "rm", name);
  }
  await sandbox.close();
});

/** A demo image's description under a name of this test's own. */
function own(name: string, as = `${sandbox.id}-${name}`): DemoImage {
  const image = catalogue.find((entry) => entry.folder === name);
  assert.ok(image);
  names.add(`cybexp-demo/${as}:1`);
  return { ...image, name: `cybexp-demo/${as}:1` };
}

interface ImageFacts {
  readonly Id: string;
  readonly RepoTags: readonly string[];
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
}

async function inspect(name: string): Promise<ImageFacts> {
  const [facts] = JSON.parse(await sandbox.docker("image", "inspect", name)) as ImageFacts[];
  assert.ok(facts);
  return facts;
}

describe("the demo images that are there", () => {
  it("are left alone, in well under a second", async () => {
    await ensureImages(sandbox.engine, demoImages);
    const ids = await sandbox.docker("image", "inspect", "--format={{.Id}}", ...demoImages);
    const start = performance.now();
    await ensureImages(sandbox.engine, demoImages);
    assert.ok(performance.now() - start < 900, "took too long");
    assert.equal(await sandbox.docker("image", "inspect", "--format={{.Id}}", ...demoImages), ids);
  });

  it("are built again when their sources have changed", async () => {
    const image = own("backend");
    const options = { catalogue: [image], registry: "127.0.0.1:1" };
    await ensureImages(sandbox.engine, [image.name], options);
    const key = (await inspect(image.name)).Config.Labels?.[KEY_LABEL];
    assert.match(key ?? "", /^[0-9a-f]{16}$/);

    // As if it had been built from another clone.
    await execa("docker", ["build", `--label=${KEY_LABEL}=other`, `--tag=${image.name}`, "-"], {
      input: `FROM ${image.name}\n`,
      env: { DOCKER_BUILDKIT: "0" },
    });
    const other = await inspect(image.name);
    names.add(other.Id); // it loses its name now
    assert.equal(other.Config.Labels?.[KEY_LABEL], "other");
    await ensureImages(sandbox.engine, [image.name], options);
    assert.equal((await inspect(image.name)).Config.Labels?.[KEY_LABEL], key);
  });
});

describe("official images", () => {
  let registry: TestRegistry;
  const pushed = new Map<string, string>();

  before(async () => {
    registry = await TestRegistry.start();
    const folder = await mkdtemp(join(tmpdir(), "official-"));
    for (const official of ["nginx:1.30.4", "mongo:8.0.17", "certbot/certbot:v5.8.0"]) {
      const reference = `${registry.address}/${hubPath(official)}`;
      await writeFile(join(folder, "name"), official);
      const tar = execa("tar", ["-cC", folder, "."], { encoding: "buffer" });
      const { stdout } = await tar.pipe("docker", ["import", "-", reference]);
      pushed.set(official, String(stdout));
      await sandbox.docker("push", "--quiet", reference);
      await sandbox.docker("image", "rm", reference);
    }
    await rm(folder, { recursive: true });
  });
  after(async () => {
    for (const official of pushed.keys()) {
      await sandbox.tryDocker("image", "rm", `${registry.address}/${hubPath(official)}`);
    }
    await registry.stop();
  });

  it("are pulled and given our name where a registry has them", async () => {
    const images = [own("nginx"), own("mongo"), own("certbot")];
    const options = { catalogue: images, registry: registry.address };
    const wanted = images.map(({ name }) => name);
    await ensureImages(sandbox.engine, wanted, options);
    for (const { name, official = "" } of images) {
      const facts = await inspect(name);
      assert.equal(facts.Id, pushed.get(official));
      assert.deepEqual(
        [...facts.RepoTags].sort(),
        [`${registry.address}/${hubPath(official)}`, name].sort(),
      );
      assert.equal(facts.Config.Labels?.[KEY_LABEL], undefined, "it was built");
    }
    // Now they are current: another registry, that could not be reached, is not asked.
    await ensureImages(sandbox.engine, wanted, { ...options, registry: "127.0.0.1:1" });
    for (const { name, official = "" } of images) {
      assert.equal((await inspect(name)).Id, pushed.get(official));
    }
  });

  it("are replaced by ours where a registry answers but does not have them", async () => {
    const image = { ...own("mongo", `${sandbox.id}-absent`), official: "mongo:0.0.0" };
    const docker = new Docker(sandbox.engine.host);
    const asked = new Registry(docker, { registry: registry.address });
    assert.equal(await asked.pull("mongo:0.0.0"), false);
    assert.equal(asked.unreachable, undefined);
    await ensureImages(sandbox.engine, [image.name], {
      catalogue: [image],
      registry: registry.address,
    });
    assert.match(
      (await inspect(image.name)).Config.Labels?.["org.opencontainers.image.title"] ?? "",
      /FerretDB/,
    );
  });
});

describe("a registry that accepts connections and never answers", () => {
  let silent: Server;
  before(
    () =>
      new Promise<void>((resolve) => {
        silent = createServer(() => undefined).listen(0, "127.0.0.1", resolve);
      }),
  );
  after(() => void silent.close());

  it("is given up on after a set time, once for all images", async () => {
    const { port } = silent.address() as { port: number };
    const registry = new Registry(new Docker(sandbox.engine.host), {
      registry: `127.0.0.1:${port}`,
      firstWordMs: 1000,
    });
    const start = performance.now();
    assert.equal(await registry.pull("nginx:1.30.4"), false);
    assert.equal(registry.unreachable, "no answer in time");
    const first = performance.now() - start;
    assert.ok(first > 900 && first < 5000, `${first} ms`);
    assert.equal(await registry.pull("mongo:8.0.17"), false);
    assert.ok(performance.now() - start - first < 100, "asked again");
  });
});
