/** What makes up one thing in Docker, and what tells it from everything else there. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ClientList } from "../../../components/clientList.ts";
import { Container } from "../../../components/container.ts";
import { Deployment, type DeploymentArgs } from "../../../components/deployment.ts";
import { DockerEngine } from "../../../components/engine.ts";
import { HttpService } from "../../../components/httpService.ts";
import { RotatedAuthority } from "../../../components/rotatedAuthority.ts";
import { ServerCertificate } from "../../../components/serverCertificate.ts";
import { TlsProxy } from "../../../components/tlsProxy.ts";
import { UserList } from "../../../components/userList.ts";
import { COMMAND, CONTAINER, NETWORK, RANDOM_ID, VOLUME } from "../../../names/types.ts";
import { build, bytesOf, DEPLOYMENT_ID, once, the, valueOf } from "./mocks.ts";

const made = (args?: DeploymentArgs, name = "shop", opts?: pulumi.ComponentResourceOptions) =>
  build(() => {
    pulumi.runtime.setAllConfig({ "docker:host": "ssh://engine" }, []);
    return new Deployment(name, args, opts);
  });

const container = (name: string, deployment: Deployment, opts?: pulumi.ComponentResourceOptions) =>
  new Container(
    name,
    {
      deployment,
      role: "web",
      image: "sha256:1",
      user: "1:2",
      networks: [],
      healthCheck: ["true"],
      ...{ stopGrace: 1, memory: 64, cpus: 1 },
    },
    opts,
  );

/** Whatever is registered by then is still answered. */
const refused = (program: () => unknown, why: RegExp | { readonly message: string }) =>
  build(() => assert.throws(program, why));

describe("a deployment", () => {
  it("is called by its own name, and keeps its data unless told otherwise", async () => {
    const { result } = await made();
    const { prefix, labels, stack, throwaway, engine, kept } = result;
    assert.deepEqual(
      { prefix, labels, stack, throwaway, engine, kept },
      {
        ...{ prefix: "shop", labels: "shop", stack: "test", throwaway: false },
        ...{ engine: { connection: "ssh://engine" }, kept: undefined },
      },
    );
  });

  it("has an id of its own, which is protected as the data is", async () => {
    const built = await made();
    assert.deepEqual(the(built, RANDOM_ID, "shop-id"), {
      type: RANDOM_ID,
      name: "shop-id",
      parent: "shop",
      inputs: { byteLength: 8 },
      secrets: [],
      options: { protect: true },
    });
    assert.equal(await valueOf(built.result.id), bytesOf("shop-id", 8).toString("hex"));
    const thrown = await made({ throwaway: true });
    assert.deepEqual(the(thrown, RANDOM_ID, "shop-id").options, {});
    const told = await made({ throwaway: true }, "shop", { protect: true });
    assert.deepEqual(the(told, RANDOM_ID, "shop-id").options, { protect: true });
  });

  it("takes an id from elsewhere, and makes none then", async () => {
    const { result, resources } = await made({ id: pulumi.output("feed") });
    assert.equal(await valueOf(result.id), "feed");
    assert.deepEqual(
      resources.map(({ name }) => name),
      ["shop"],
    );
  });

  it("refuses what can't be in a name in Docker or a label", async () => {
    for (const wrong of ["", "Shop", "my shop", "-a", "a-", "1a", "a/b", "a\nb"]) {
      const prefix = () => new Deployment("shop", { prefix: wrong });
      const labels = () => new Deployment("shop", { labels: wrong });
      await refused(prefix, /^RangeError: a deployment's prefix is/);
      await refused(labels, /^RangeError: what a deployment's labels begin with is/);
    }
    assert.equal((await made({ labels: "edu.example.shop" })).result.labels, "edu.example.shop");
  });

  it("labels what it has with names that begin with its own", async () => {
    const built = await build(() =>
      container("c", new Deployment("shop", { id: DEPLOYMENT_ID, labels: "edu.shop" })),
    );
    const { inputs } = the(built, CONTAINER, "c");
    assert.equal(inputs["name"], "shop-test-web");
    assert.deepEqual(inputs["labels"], [
      { label: "edu.shop.deployment", value: DEPLOYMENT_ID },
      { label: "edu.shop.role", value: "web" },
      { label: "edu.shop.stack", value: "test" },
    ]);
  });

  it("has one container of a role", async () => {
    await refused(
      () => {
        const shop = new Deployment("shop");
        container("a", shop);
        container("b", shop);
      },
      {
        message:
          'two containers of a deployment have the role "web", so both would be called shop-test-web in Docker: give one of them another `role`',
      },
    );
  });
});

describe("the options of a deployment", () => {
  it("reach its components as a parent's", async () => {
    const built = await build(() => {
      const engine = new DockerEngine("far", { host: "ssh://far" });
      const shop = new Deployment("shop", { engine }, { protect: true });
      container("a", shop, { parent: shop });
    });
    const { parent, options } = the(built, CONTAINER, "a");
    assert.equal(parent, "a");
    assert.equal(options.provider, "far");
    assert.equal(options.protect, true);
    assert.equal(the(built, "cybexp:docker:Container", "a").parent, "shop");
  });

  it("may have a provider for its id, and none for Docker but its engine's", async () => {
    const provider = () => new docker.Provider("other", { host: "ssh://other" });
    const sentence = {
      message:
        "a component has a docker provider that is not its deployment's, so its resources and programs would go to different engines: give the deployment an `engine`, in place of the option `provider`",
    };
    for (const opts of [
      () => ({ provider: provider() }),
      () => ({ providers: [provider()] }),
      () => ({ providers: { docker: provider() } }),
    ]) {
      await refused(() => new Deployment("shop", {}, opts()), sentence);
      await refused(() => container("a", new Deployment("shop"), opts()), sentence);
    }
    await build(() => {
      const engine = new DockerEngine("far", { host: "ssh://far" });
      new Deployment("shop", { engine }, { provider: engine.provider });
    });
  });
});

describe("two deployments in one program, each with two proxies", () => {
  const built = once(() =>
    build(() => {
      const authority = new RotatedAuthority("ca", { commonName: "CA" });
      const serverName = "localhost";
      const certificate = new ServerCertificate("server", { authority, serverName });
      const users = new UserList("user", { users: [{ name: "ann" }] });
      const clients = new ClientList("client", { authority, clients: [{ name: "bob" }] });
      for (const name of ["shop", "wiki"]) {
        const deployment = new Deployment(name);
        const service = new HttpService(`${name}-web`, {
          ...{ deployment, role: "web", image: "sha256:1", port: 80, user: "1:2" },
          ...{ healthCheck: ["true"], memory: 64, cpus: 1, files: { "/a": "a" } },
        });
        for (const [index, role] of [undefined, "machines"].entries()) {
          new TlsProxy(`${name}-${role ?? "people"}`, {
            ...{ deployment, certificate: { ...certificate, stapled: true }, users, clients },
            ...(role !== undefined && { role }),
            settings: { image: "nginx:1.30", serverName, address: "127.0.0.1" },
            doors: [{ name: "web", listen: 443 + index, service, access: "either", maxBody: "1m" }],
          });
        }
      }
    }),
  );

  it("have no name in common, in Pulumi or in Docker", async () => {
    const { resources } = await built();
    const inPulumi = resources.map(({ type, name }) => `${type} ${name}`);
    assert.deepEqual(inPulumi, [...new Set(inPulumi)]);
    for (const type of [CONTAINER, NETWORK, VOLUME]) {
      const inDocker = resources
        .filter((resource) => resource.type === type)
        .map(({ inputs }) => String(inputs["name"]));
      assert.deepEqual(inDocker, [...new Set(inDocker)]);
    }
  });

  it("are called by their deployment and role", async () => {
    const { resources } = await built();
    const namesOf = (wanted: string) =>
      resources
        .filter(({ type, inputs }) => type === wanted && /^shop-/.test(String(inputs["name"])))
        .map(({ inputs }) => String(inputs["name"]).replace("shop-test-", ""))
        .sort();
    assert.deepEqual(namesOf(CONTAINER), ["machines", "proxy", "web"]);
    assert.deepEqual(namesOf(NETWORK), ["away", "away-machines", "edge", "edge-machines", "web"]);
    assert.deepEqual(namesOf(VOLUME), [
      ...["machines-bodies", "machines-certificates", "machines-release"],
      ...["proxy-bodies", "proxy-certificates", "proxy-release"],
      "web-config",
    ]);
  });

  it("are told to their programs, which find nothing of the other one", async () => {
    const { resources } = await built();
    const inputs = resources
      .filter(({ type }) => type === COMMAND)
      .map((program) => program.inputs["stdin"] as Record<string, unknown>)
      .filter((input) => "deployment" in input);
    assert.equal(inputs.length, 18);
    const owners = inputs.map(
      ({ deployment, labels }) => `${String(labels)} ${String(deployment)}`,
    );
    const own = (name: string) => `${name} ${bytesOf(`${name}-id`, 8).toString("hex")}`;
    assert.deepEqual([...new Set(owners)].sort(), [own("shop"), own("wiki")]);
  });

  it("reload each proxy by its own name", async () => {
    const { resources } = await built();
    const reloads = resources
      .filter(({ name }) => name.endsWith("-release-delivery"))
      .map(({ inputs }) => (inputs["stdin"] as { reload: { container: string } }).reload.container);
    assert.deepEqual(reloads.sort(), [
      ...["shop-test-machines", "shop-test-proxy"],
      ...["wiki-test-machines", "wiki-test-proxy"],
    ]);
  });
});
