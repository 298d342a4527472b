import assert from "node:assert/strict";
import fc from "fast-check";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { demoImages, pick } from "../../machine/images.ts";
import { catalogue } from "../../machine/images/catalogue.ts";
import {
  type ContextFile,
  contextKey,
  readContext,
  withContext,
} from "../../machine/images/context.ts";
import { hubPath, pullOutcome, registryPrefix } from "../../machine/images/registry.ts";
import { isCurrent, KEY_LABEL } from "../../machine/images/state.ts";
import { projectRoot } from "../../machine/paths.ts";

const dockerfile = (folder: string) =>
  readFileSync(join(projectRoot, "images", folder, "Dockerfile"), "utf8");

describe("the catalogue", () => {
  it("names the demo images", () => {
    assert.deepEqual(demoImages, [
      "cybexp-demo/nginx:1",
      "cybexp-demo/mongo:1",
      "cybexp-demo/kms:1",
      "cybexp-demo/backend:1",
      "cybexp-demo/collector:1",
      "cybexp-demo/query:1",
      "cybexp-demo/kapow:1",
      "cybexp-demo/certbot:1",
    ]);
  });

  it("has a Dockerfile for each, on a base that can be chosen, with a title that says demo", () => {
    for (const { folder } of catalogue) {
      const text = dockerfile(folder);
      assert.match(text, /^ARG BASE=debian:bookworm-slim\nFROM \$\{BASE\}$/m, folder);
      assert.match(text, /^LABEL org\.opencontainers\.image\.title=".*\(demo\)"$/m, folder);
      // The query module writes at the root of its file system, which only root may.
      assert.match(text, folder === "query" ? /^(?!USER)/ : /^USER (?!0\b)\d+:\d+$/m, folder);
    }
  });

  it("installs the same packages in the same words for all stand-ins, so that they share the layer", () => {
    const head = (folder: string) => /^ARG BASE[^]*?^ENV .*$/m.exec(dockerfile(folder))?.[0];
    assert.ok(head("kms"));
    assert.equal(head("kms"), head("backend"));
    assert.equal(head("kms"), head("kapow"));
    assert.equal(head("kms"), head("query"));
    assert.equal(head("kms"), head("collector"));
  });
});

describe("picking the demo images from a config", () => {
  it("leaves other images to Pulumi, and takes each once", () => {
    const names = ["nginx:1.30.4", "cybexp-demo/kms:1", "x/cybexp-demo/y:1", "cybexp-demo/kms:1"];
    assert.deepEqual(
      pick(names, catalogue).map(({ name }) => name),
      ["cybexp-demo/kms:1"],
    );
  });

  it("refuses an unknown one, and lists the known ones", () => {
    assert.throws(() => pick(["cybexp-demo/kms:2"], catalogue), {
      name: "UserError",
      message:
        "There is no demo image cybexp-demo/kms:2. The demo images are cybexp-demo/nginx:1, " +
        "cybexp-demo/mongo:1, cybexp-demo/kms:1, cybexp-demo/backend:1, cybexp-demo/collector:1, cybexp-demo/query:1, cybexp-demo/kapow:1, " +
        "cybexp-demo/certbot:1.",
    });
  });
});

describe("a build context's key", () => {
  const file = fc.record({
    path: fc.string({ minLength: 1 }),
    content: fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    executable: fc.boolean(),
  });
  const files = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 5 });
  const recipes = fc.array(fc.string(), { maxLength: 3 });

  it("is that of the files without carriage returns, which a checkout on Windows adds", () => {
    const folder = mkdtempSync(join(tmpdir(), "cybexp-context-"));
    try {
      writeFileSync(join(folder, "run.sh"), "#!/bin/sh\r\necho hello\r\n");
      assert.deepEqual(
        readContext(folder).map(({ content }) => content.toString()),
        ["#!/bin/sh\necho hello\n"],
      );
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("does not depend on the order of the files", () => {
    fc.assert(
      fc.property(files, recipes, (some, texts) => {
        assert.equal(contextKey(some, texts), contextKey([...some].reverse(), texts));
        assert.match(contextKey(some, texts), /^[0-9a-f]{16}$/);
      }),
    );
  });

  it("differs when any input differs", () => {
    fc.assert(
      fc.property(files, recipes, files, recipes, (a, aTexts, b, bTexts) => {
        const same = (x: readonly ContextFile[], texts: readonly string[]) =>
          JSON.stringify([[...x].sort((p, q) => (p.path < q.path ? -1 : 1)), texts]);
        assert.equal(
          contextKey(a, aTexts) === contextKey(b, bTexts),
          same(a, aTexts) === same(b, bTexts),
        );
      }),
    );
    const one = { path: "a", content: Buffer.from("b"), executable: false };
    const keys = [
      contextKey([one], []),
      contextKey([{ ...one, path: "ab", content: Buffer.alloc(0) }], []),
      contextKey([{ ...one, executable: true }], []),
      contextKey([{ ...one, content: Buffer.from("c") }], []),
      contextKey([one], [""]),
    ];
    assert.equal(new Set(keys).size, keys.length);
  });

  it("is laid out with modes that the container's user can read, whatever the umask", async () => {
    const mask = process.umask(0o077);
    let folder = "";
    try {
      await withContext(readContext(join(projectRoot, "images", "mongo")), {}, (path) => {
        folder = path;
        const mode = (name: string) => statSync(join(path, name)).mode & 0o777;
        assert.deepEqual(
          [mode("Dockerfile"), mode("entrypoint.sh"), mode("ferretdb.sh")],
          [0o644, 0o755, 0o755],
        );
        return Promise.resolve();
      });
    } finally {
      process.umask(mask);
    }
    assert.equal(existsSync(folder), false);
  });
});

describe("whether an image is current", () => {
  const name = "cybexp-demo/nginx:1";
  const wanted = { key: "abc", official: "nginx:1.30.4" };
  const current = (tags: string[], labels: Record<string, string> = {}) =>
    isCurrent(name, wanted, [{ tags, labels }]);

  it("is true for one that was built from this context", () => {
    assert.equal(current([name], { [KEY_LABEL]: "abc" }), true);
    assert.equal(current([name], { [KEY_LABEL]: "abd" }), false);
    assert.equal(current([name]), false);
    assert.equal(current(["other:1"], { [KEY_LABEL]: "abc" }), false);
    assert.equal(isCurrent(name, wanted, []), false);
  });

  it("is true for the official one under our name, from any registry", () => {
    assert.equal(current([name, "nginx:1.30.4"]), true);
    assert.equal(current([name, "registry.example.edu:5000/library/nginx:1.30.4"]), true);
    assert.equal(current([name, "nginx:1.30.3"]), false);
    assert.equal(current([name, "example.edu/nginx:1.30.4"]), false);
    const ofMaker = { key: "abc", official: "certbot/certbot:v5.8.0" };
    for (const tag of [ofMaker.official, `example.edu/mirror/${ofMaker.official}`]) {
      assert.equal(isCurrent(name, ofMaker, [{ tags: [name, tag], labels: {} }]), true);
    }
  });
});

describe("how a pull ends", () => {
  const outcome = (stderr: string, late = false) =>
    pullOutcome(late ? undefined : { code: 1, stderr }).had;

  it("tells a registry that can't be reached from one that lacks the image", () => {
    const from = "Error response from daemon: ";
    assert.equal(
      outcome(
        `${from}Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io on 10.0.0.1:53: no such host`,
      ),
      "no registry",
    );
    assert.equal(outcome(`${from}Get "http://127.0.0.1:1/v2/": connection refused`), "no registry");
    assert.equal(outcome("", true), "no registry");
    assert.equal(
      outcome(
        `${from}manifest for x/library/mongo:0 not found: manifest unknown: manifest unknown`,
      ),
      "no image",
    );
    assert.equal(
      outcome(`${from}toomanyrequests: You have reached your pull rate limit.`),
      "no image",
    );
    assert.equal(
      outcome(`${from}pull access denied for x, repository does not exist or may require login`),
      "no image",
    );
    assert.equal(pullOutcome({ code: 0, stderr: "" }).had, "image");
  });

  it("gives the engine's own words", () => {
    const result = { code: 1, stderr: "Error response from daemon: no such host\n" };
    assert.deepEqual(pullOutcome(result), { had: "no registry", why: "no such host" });
  });
});

describe("CYBEXP_REGISTRY", () => {
  it("comes before the path that an image has on Docker Hub", () => {
    assert.equal(registryPrefix(undefined), "");
    assert.equal(registryPrefix(" "), "");
    assert.equal(registryPrefix("127.0.0.1:5000"), "127.0.0.1:5000/");
    assert.equal(registryPrefix("example.edu/mirror"), "example.edu/mirror/");
    assert.equal(hubPath("nginx:1.30.4"), "library/nginx:1.30.4");
    assert.equal(hubPath("certbot/certbot:v5.8.0"), "certbot/certbot:v5.8.0");
  });

  it("is refused if it is not the name of a registry", () => {
    for (const wrong of [
      "https://example.edu",
      "example.edu/",
      "a b",
      "-x y",
      "example.edu:port",
    ]) {
      assert.throws(() => registryPrefix(wrong), /^UserError: CYBEXP_REGISTRY is "/, wrong);
    }
  });
});
