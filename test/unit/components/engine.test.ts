import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { configuredEngine } from "../../../components/configuredEngine.ts";
import { Container } from "../../../components/container.ts";
import { DockerEngine, type DockerEngineArgs, type Engine } from "../../../components/engine.ts";
import { engineSize } from "../../../components/engineSize.ts";
import { imageId } from "../../../components/image.ts";
import { KeptVolumes } from "../../../components/keptVolumes.ts";
import { Release } from "../../../components/release.ts";
import { build, COMMAND, deployment, the, valueOf } from "./mocks.ts";

const PROVIDER = "pulumi:providers:docker";
const CONTAINER = "docker:index/container:Container";
const tls = { ca: "the CA", certificate: "the certificate", privateKey: "the key" };

/** What the provider takes from the environment if it isn't given. */
const EMPTY = {
  host: "",
  context: "",
  caMaterial: "",
  certMaterial: "",
  keyMaterial: "",
  certPath: "",
  sshOpts: "[]",
};

const container = (
  name: string,
  engine: Engine | undefined,
  opts?: pulumi.ComponentResourceOptions,
) =>
  new Container(
    name,
    {
      deployment: deployment({ engine }),
      role: name,
      image: "sha256:1",
      user: "1:2",
      networks: [],
      healthCheck: ["true"],
      stopGrace: 1,
      memory: 64,
      cpus: 1,
    },
    opts,
  );

const providerOf = async (args: DockerEngineArgs) => {
  const { resources } = await build(() => new DockerEngine("far", args));
  return resources.find(({ type }) => type === PROVIDER);
};

describe("an engine that a program names", () => {
  it("makes the resources by a provider of its own, and tells the programs the same", async () => {
    const sshOptions = ["-i", "/keys/engine"];
    const built = await build(() =>
      container("c", new DockerEngine("far", { host: "ssh://a@b:22", sshOptions })),
    );
    assert.deepEqual(the(built, PROVIDER, "far"), {
      type: PROVIDER,
      name: "far",
      parent: "far",
      inputs: { ...EMPTY, host: "ssh://a@b:22", sshOpts: JSON.stringify(sshOptions) },
      secrets: [],
      options: {},
    });
    assert.equal(the(built, CONTAINER, "c").options.provider, "far");
    const { inputs, secrets } = the(built, COMMAND, "c-limits");
    assert.deepEqual(inputs["stdin"], {
      dockerHost: { host: "ssh://a@b:22", sshOptions },
      container: "container-c",
      pidsLimit: 200,
    });
    assert.deepEqual(secrets, []);
  });

  it("keeps what the environment says away from the provider", async () => {
    const saved = { ...process.env };
    process.env["DOCKER_HOST"] = "ssh://elsewhere";
    try {
      const provider = await providerOf({ context: "far" });
      assert.deepEqual(provider?.inputs, { ...EMPTY, context: "far" });
    } finally {
      process.env = saved;
    }
  });

  it("gives the provider its key as a secret, and no login", async () => {
    const registries = [{ address: "registry.example.edu", username: "ann", password: "word" }];
    const built = await build(() => {
      const engine = new DockerEngine("far", { host: "tcp://far:2376", tls, registries });
      return imageId("i", "nginx:1", { engine });
    });
    const provider = the(built, PROVIDER, "far");
    assert.deepEqual(provider.inputs, {
      ...EMPTY,
      host: "tcp://far:2376",
      caMaterial: "the CA",
      certMaterial: "the certificate",
      keyMaterial: "the key",
    });
    assert.deepEqual(provider.secrets, ["keyMaterial"]);
    const { inputs, secrets } = the(built, COMMAND, "i-pull");
    assert.deepEqual(inputs["stdin"], {
      dockerHost: { host: "tcp://far:2376", tls, registries },
      image: "nginx:1",
    });
    assert.deepEqual(secrets, ["stdin"]);
  });

  it("hides the whole input of a program that gets the key, but not what follows from its answer", async () => {
    const built = await build(() => {
      const engine = new DockerEngine("far", { host: "tcp://far:2376", tls });
      const kept = new KeptVolumes("kept", {
        deployment: deployment({ engine }),
        parts: ["kms-secrets"],
      });
      return {
        c: container("c", engine),
        size: engineSize("size", engine),
        mark: kept.markOf("kms-secrets"),
      };
    });
    for (const name of ["c-limits", "size", "kept-kms-secrets"]) {
      const { inputs, secrets } = the(built, COMMAND, name);
      assert.deepEqual((inputs["stdin"] as { dockerHost: unknown }).dockerHost, {
        host: "tcp://far:2376",
        tls,
      });
      assert.deepEqual(secrets, ["stdin"]);
    }
    const { size, mark, c } = built.result;
    assert.ok(mark);
    assert.deepEqual(
      await Promise.all(
        [size, mark, c.id].map((output: pulumi.Output<unknown>) => pulumi.isSecret(output)),
      ),
      [false, false, false],
    );
    assert.deepEqual(the(built, CONTAINER, "c").secrets, []);
  });

  it("takes a folder of key files, which the state never sees", async () => {
    const built = await build(() =>
      container("c", new DockerEngine("far", { host: "tcp://far:2376", certPath: "/etc/engine" })),
    );
    assert.equal(the(built, PROVIDER, "far").inputs["certPath"], "/etc/engine");
    const { inputs, secrets } = the(built, COMMAND, "c-limits");
    assert.deepEqual((inputs["stdin"] as { dockerHost: unknown }).dockerHost, {
      host: "tcp://far:2376",
      certPath: "/etc/engine",
    });
    assert.deepEqual(secrets, []);
  });

  it("can be one of two in a program", async () => {
    const built = await build(() => {
      container("a", new DockerEngine("one", { host: "ssh://one" }));
      const other = new DockerEngine("two", { host: "ssh://two" });
      container("b", other);
      new Release("r", {
        deployment: deployment({ engine: other }),
        part: "kms-config",
        files: {},
        owner: "1:2",
        image: imageId("i", "nginx:1", { engine: other }),
      });
    });
    const providers = built.resources.flatMap(({ type, name, options }) =>
      type.startsWith("docker:") ? [[name, options.provider]] : [],
    );
    assert.deepEqual(providers, [
      ["a", "one"],
      ["b", "two"],
      ["i", "two"],
      ["r", "two"],
    ]);
    const hosts = built.resources.flatMap(({ type, name, inputs }) =>
      type === COMMAND
        ? [[name, (inputs["stdin"] as { dockerHost: { host: string } }).dockerHost.host]]
        : [],
    );
    assert.deepEqual(hosts, [
      ["a-limits", "ssh://one"],
      ["b-limits", "ssh://two"],
      ["i-pull", "ssh://two"],
      ["r-delivery", "ssh://two"],
    ]);
  });

  it("refuses what doesn't fit together, by its name and without its values", async () => {
    await build(() => {
      const message =
        'the engine "far": `tls` and `certPath` are for a `host` that begins with tcp://';
      assert.throws(() => new DockerEngine("far", { host: "ssh://a@b", certPath: "/etc/engine" }), {
        message,
      });
      assert.throws(() => new DockerEngine("far", {}), /either `host`.* or `context`/);
    });
  });

  it("takes an address that is not known yet", async () => {
    const provider = await providerOf({ host: pulumi.output("tcp://far:2376"), tls });
    assert.equal(provider?.inputs["host"], "tcp://far:2376");
  });
});

describe("a component whose provider is another", () => {
  it("is refused, because its programs would not follow", async () => {
    await build(() => {
      const far = new DockerEngine("far", { host: "ssh://far" });
      const provider = new docker.Provider("other", { host: "ssh://other" });
      const words = /a docker provider that is not its deployment's/;
      assert.throws(() => container("a", undefined, { providers: [provider] }), words);
      assert.throws(() => container("b", far, { providers: [provider] }), words);
      assert.doesNotThrow(() => container("c", far, { providers: [far.provider] }));
      assert.doesNotThrow(() =>
        container("d", { connection: "ssh://other", provider }, { provider }),
      );
    });
  });
});

describe("the engine of a program that names none", () => {
  const configured = async (config: Record<string, string>, secrets: string[] = [], env = {}) => {
    const { result } = await build(() => {
      pulumi.runtime.setAllConfig(config, secrets);
      return configuredEngine(env);
    });
    return result;
  };

  it("is what the config or the environment says, as a plain value", async () => {
    assert.deepEqual(await configured({}), { connection: undefined });
    assert.deepEqual(await configured({ "docker:host": "ssh://a@b" }), { connection: "ssh://a@b" });
  });

  it("has the config's ssh options, and its key as a secret", async () => {
    const ssh = await configured({ "docker:host": "ssh://a@b", "docker:sshOpts": '["-v"]' });
    assert.deepEqual(ssh, { connection: { host: "ssh://a@b", sshOptions: ["-v"] } });
    const { connection } = await configured(
      {
        "docker:host": "tcp://far:2376",
        "docker:caMaterial": "the CA",
        "docker:certMaterial": "the certificate",
        "docker:keyMaterial": "the key",
      },
      ["docker:keyMaterial"],
    );
    assert.ok(pulumi.Output.isInstance(connection));
    assert.equal(await pulumi.isSecret(connection), true);
    assert.deepEqual(await valueOf(connection), { host: "tcp://far:2376", tls });
  });

  it("is refused if provider and programs would take two", async () => {
    await assert.rejects(
      configured({ "docker:host": "ssh://a@b" }, [], { DOCKER_CONTEXT: "far" }),
      /^Error: docker:host and DOCKER_CONTEXT both name an engine/,
    );
  });
});
