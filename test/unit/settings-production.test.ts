/** What a production stack may not be, and the example that one starts from. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { type Problem, SettingsError } from "../../settings/problem.ts";
import { readSettings } from "../../settings/read.ts";
import { quote } from "../../settings/show.ts";
import { projectRoot } from "../../machine/paths.ts";

const DIGEST = `sha256:${"3f".repeat(32)}`;

type Values = Record<string, Record<string, unknown> | unknown[] | boolean | string>;

/** What a production stack may be. */
const fit = (): Values => ({
  kms: { image: `registry.lab.internal/kms@${DIGEST}`, bind: "127.0.0.1:5012", listen: 5002 },
  backend: {
    image: `registry.lab.internal/backend:1.0@${DIGEST}`,
    bind: "[::1]:5011",
    listen: 5001,
  },
  database: { image: `mongo@${DIGEST}` },
  proxy: { image: `nginx@${DIGEST}`, serverName: "cybexp.lab.internal", address: "0.0.0.0" },
  users: [{ name: "collector" }],
  production: true,
});

function problems(values: Readonly<Record<string, unknown>>): readonly Problem[] {
  try {
    readSettings({ stack: "prod", values, secretKeys: new Set() });
  } catch (error) {
    assert.ok(error instanceof SettingsError, String(error));
    return error.problems;
  }
  return [];
}

const REMEDY =
  "Name it by digest, as in registry.example.edu/name:1.0@sha256:...; `docker buildx imagetools inspect NAME` prints it.";
const DEMO = "This is a demo image, built on this machine. A production stack runs the real one.";
const TAG = "A tag can be moved to another build. A production stack names its images by digest.";
const PLACEHOLDER = "This digest is the example's placeholder: no image has it.";

describe("a production stack", () => {
  it("is accepted if its images have digests and its data is kept", () => {
    assert.deepEqual(problems(fit()), []);
    assert.deepEqual(problems({ ...fit(), production: "true" }), []);
  });

  for (const key of ["kms", "backend", "database", "proxy", "kapow"]) {
    for (const [image, reason] of [
      ["cybexp-demo/kms:1", DEMO],
      [`cybexp-demo/kms:1@${DIGEST}`, DEMO],
      ["mongo:8.0", TAG],
      [`mongo@sha256:${"0".repeat(64)}`, PLACEHOLDER],
    ] as const) {
      it(`is refused with ${image.slice(0, 30)} for ${key}.image`, () => {
        const kapow = { listen: 5003, init: "/init.sh", healthRoute: "/health" };
        const values = fit();
        values[key] = { ...(key === "kapow" ? kapow : (values[key] as object)), image };
        const problem = { path: `cybexp:${key}.image`, value: quote(image), reason };
        const expected = [{ ...problem, remedy: REMEDY }];
        assert.deepEqual(problems(values), expected);
        // Text, as `pulumi config set` writes it, is as good.
        assert.deepEqual(problems({ ...values, production: "true" }), expected);
        // None of it is wrong in any other stack.
        assert.deepEqual(problems({ ...values, production: false }), []);
      });
    }
  }

  it("reports an image once that is invalid or has no version", () => {
    for (const image of ["mongo", "mongo:latest", "UPPER:1", 5]) {
      assert.equal(problems({ ...fit(), database: { image } }).length, 1, String(image));
    }
  });

  it("is not a throw-away stack", () => {
    for (const throwaway of [true, "true"]) {
      assert.deepEqual(problems({ ...fit(), throwaway }), [
        {
          path: "cybexp:throwaway",
          value: JSON.stringify(throwaway),
          reason:
            "`destroy` removes the volumes of a throw-away stack. A production stack keeps its data.",
          remedy: "Remove it. If the data may be lost, remove cybexp:production instead.",
        },
      ]);
    }
    assert.deepEqual(problems({ ...fit(), throwaway: "false" }), []);
  });

  for (const name of ["cybexp.example.edu", "example.com", "a.example", "A.EXAMPLE.ORG"]) {
    it(`is not called ${name}`, () => {
      const proxy = { image: `nginx@${DIGEST}`, serverName: name, address: "0.0.0.0" };
      assert.deepEqual(problems({ ...fit(), proxy }), [
        {
          path: "cybexp:proxy.serverName",
          value: JSON.stringify(name),
          reason: "This name is reserved for examples.",
          remedy: "Write the name that clients use.",
        },
      ]);
    });
  }

  it("may have a name that only starts like an example", () => {
    for (const serverName of ["example.edu.lab.internal", "notexample.edu", "localhost"]) {
      const proxy = { image: `nginx@${DIGEST}`, serverName, address: "0.0.0.0" };
      assert.deepEqual(problems({ ...fit(), proxy }), [], serverName);
    }
  });

  for (const address of ["192.0.2.10", "198.51.100.1", "203.0.113.255", "2001:DB8::10"]) {
    it(`does not listen on ${address}`, () => {
      const proxy = { image: `nginx@${DIGEST}`, serverName: "cybexp.lab.internal", address };
      assert.deepEqual(problems({ ...fit(), proxy }), [
        {
          path: "cybexp:proxy.address",
          value: JSON.stringify(address),
          reason: "This address is reserved for examples.",
          remedy: "Write an address of the Docker host.",
        },
      ]);
    });
  }

  it("does not keep its state where the example says", () => {
    for (const backend of [
      "s3://state.example.edu?region=x",
      "https://pulumi.example.edu:8080/x",
    ]) {
      assert.deepEqual(
        problems({ ...fit(), state: { backend } }).map(({ path, reason }) => [path, reason]),
        [["cybexp:state.backend", "This is the example's URL."]],
        backend,
      );
    }
    assert.deepEqual(problems({ ...fit(), state: { backend: "file:///srv/example.edu" } }), []);
  });

  it("reports everything at once", () => {
    const paths = problems({
      ...fit(),
      kms: { image: "cybexp-demo/kms:1", bind: "localhost:5012", listen: 5002 },
      proxy: { image: "nginx:1.28", serverName: "cybexp.example.edu", address: "192.0.2.10" },
      throwaway: true,
    }).map(({ path }) => path);
    assert.deepEqual(paths, [
      "cybexp:kms.bind",
      "cybexp:kms.image",
      "cybexp:proxy.address",
      "cybexp:proxy.image",
      "cybexp:proxy.serverName",
      "cybexp:throwaway",
    ]);
  });
});

describe("the example of a production stack", () => {
  const text = readFileSync(join(projectRoot, "Pulumi.prod.example.yaml"), "utf8");
  const valuesOf = (yaml: string): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries((parse(yaml) as { config: object }).config).map(([key, value]) => [
        key.replace("cybexp:", ""),
        value as unknown,
      ]),
    );

  it("is refused as it is, with a sentence for each value to replace, and no other", () => {
    assert.deepEqual(
      problems(valuesOf(text)).map(({ path, reason }) => [path, reason]),
      [
        ["cybexp:backend.image", PLACEHOLDER],
        ["cybexp:database.image", PLACEHOLDER],
        ["cybexp:kms.image", PLACEHOLDER],
        ["cybexp:proxy.address", "This address is reserved for examples."],
        ["cybexp:proxy.image", PLACEHOLDER],
        ["cybexp:proxy.serverName", "This name is reserved for examples."],
        ["cybexp:state.backend", "This is the example's URL."],
      ],
    );
  });

  it("is accepted once these are replaced", () => {
    const replaced = text
      .replace(/sha256:0{64}/g, DIGEST)
      .replaceAll("example.edu", "lab.internal")
      .replace("192.0.2.10", "10.0.0.10");
    assert.deepEqual(problems(valuesOf(replaced)), []);
  });
});
