/** What must not compile does not: each mistake here would open a port or lose a limit. */
import type * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "tstyche";
import { Collector, type CollectorArgs } from "../../components/cybexp.ts";
import { Container, type ContainerArgs, type PublishedPort } from "../../components/container.ts";
import { Database, type DatabaseArgs } from "../../components/database.ts";
import { Deployment } from "../../components/deployment.ts";
import { DockerEngine, type Engine } from "../../components/engine.ts";
import { HttpService, type HttpServiceArgs } from "../../components/httpService.ts";
import type { Kapow } from "../../components/kapow.ts";
import { Program, type ProgramArgs } from "../../components/program.ts";
import type { RotatedAuthority } from "../../components/rotatedAuthority.ts";
import { ServerCertificate } from "../../components/serverCertificate.ts";
import { Service, type ServiceArgs } from "../../components/service.ts";
import type { DoorPath, ProxyDoor } from "../../components/proxyDoor.ts";
import type { Endpoint } from "../../settings/types.ts";

declare const deployment: Deployment;
declare const authority: RotatedAuthority;
declare const service: Service;
declare const kapow: Kapow;
declare const network: docker.Network;
declare const id: pulumi.Output<string>;

describe("a published port", () => {
  it("has an address, always", () => {
    expect<PublishedPort>().type.toBeAssignableFrom({
      address: "127.0.0.1",
      port: 1,
      internal: 2,
    });
    expect<PublishedPort>().type.not.toBeAssignableFrom({ port: 1, internal: 2 });
    expect<PublishedPort>().type.not.toBeAssignableFrom({
      address: undefined,
      port: 1,
      internal: 2,
    });
    expect<PublishedPort>().type.not.toBeAssignableFrom({
      address: "127.0.0.1",
      port: "1",
      internal: 2,
    });
  });
});

describe("a container", () => {
  const least = {
    deployment,
    role: "kms" as const,
    image: "sha256:1",
    user: "1:1",
    networks: [{ network: "net" }],
    healthCheck: ["true"],
    stopGrace: 10,
    memory: 64,
    cpus: 0.5,
  };

  it("takes only the required arguments, or all of them", () => {
    expect(Container).type.toBeConstructableWith("c", least);
    expect(Container).type.toBeConstructableWith(
      "c",
      {
        ...least,
        image: id,
        networks: [{ network: id, aliases: ["kms"] }],
        ports: [{ address: "127.0.0.1", port: 1, internal: 2 }],
        volumes: [{ volume: id, target: "/data", readOnly: true }],
        files: [{ source: id, target: "/file" }],
        entrypoint: ["a"],
        command: ["b"],
        environment: { A: "1" },
        healthTimeout: 90,
        stopSignal: "SIGINT",
        pidsLimit: 10,
        tmpSize: 8,
      },
      { protect: true },
    );
  });

  it("needs a user, limits, a health check and a way to stop", () => {
    type Without<Key extends keyof ContainerArgs> = Omit<typeof least, Key>;
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"user">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"stopGrace">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"memory">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"cpus">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"healthCheck">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"networks">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"deployment">>();
    expect<ContainerArgs>().type.not.toBeAssignableFrom<Without<"role">>();
  });

  it("takes no port without an address", () => {
    expect(Container).type.not.toBeConstructableWith("c", {
      ...least,
      ports: [{ port: 1, internal: 2 }],
    });
  });

  it("takes no argument that would remove its protection", () => {
    expect(Container).type.not.toBeConstructableWith("c", { ...least, privileged: true });
    expect(Container).type.not.toBeConstructableWith("c", { ...least, readOnly: false });
    expect(Container).type.not.toBeConstructableWith("c", {
      ...least,
      capabilities: { adds: ["CAP_NET_ADMIN"] },
    });
    expect(Container).type.not.toBeConstructableWith("c", { ...least, networkMode: "host" });
  });

  it("takes processors as a number and an environment without outputs, hence without secrets", () => {
    expect(Container).type.not.toBeConstructableWith("c", { ...least, cpus: "0.50" });
    expect(Container).type.not.toBeConstructableWith("c", { ...least, environment: { A: id } });
  });

  it("has a role, known when the program is written", () => {
    expect<ContainerArgs["role"]>().type.toBe<string>();
    expect(Container).type.not.toBeConstructableWith("c", { ...least, role: id });
  });
});

describe("a service", () => {
  const args = {
    deployment,
    image: "sha256:1",
    config: id,
    bind: { address: "127.0.0.1", port: 5000 },
    databaseNetwork: "net",
    drainSeconds: 60,
  };

  it("is the KMS or the Backend, and nothing else", () => {
    expect(Service).type.toBeConstructableWith("s", { ...args, role: "kms" });
    expect(Service).type.toBeConstructableWith("s", { ...args, role: "backend" });
    expect(Service).type.not.toBeConstructableWith("s", { ...args, role: "proxy" });
    expect(Service).type.not.toBeConstructableWith("s", { ...args, role: "kms-db" });
  });

  it("is bound to an address and a port, not to text", () => {
    expect<ServiceArgs["bind"]>().type.toBe<Endpoint>();
    expect(Service).type.not.toBeConstructableWith("s", {
      ...args,
      role: "kms",
      bind: "127.0.0.1:5000",
    });
    expect(Service).type.not.toBeConstructableWith("s", {
      ...args,
      role: "kms",
      bind: { port: 5000 },
    });
    expect(Service).type.not.toBeConstructableWith("s", {
      ...args,
      role: "kms",
      bind: undefined,
    });
  });
});

describe("an HTTP service", () => {
  const least = {
    deployment,
    role: "web",
    image: "sha256:1",
    port: 8000,
    user: "1:1",
    healthCheck: ["true"],
    memory: 64,
    cpus: 1,
  };

  it("takes only the required arguments, and files that may be secret", () => {
    expect(HttpService).type.toBeConstructableWith("s", least);
    expect(HttpService).type.toBeConstructableWith("s", { ...least, files: { "/a": id } });
  });

  it("needs a user, limits and a health check", () => {
    type Without<Key extends keyof typeof least> = Omit<typeof least, Key>;
    expect<HttpServiceArgs>().type.not.toBeAssignableFrom<Without<"user">>();
    expect<HttpServiceArgs>().type.not.toBeAssignableFrom<Without<"memory">>();
    expect<HttpServiceArgs>().type.not.toBeAssignableFrom<Without<"cpus">>();
    expect<HttpServiceArgs>().type.not.toBeAssignableFrom<Without<"healthCheck">>();
    expect<HttpServiceArgs>().type.not.toBeAssignableFrom<Without<"port">>();
  });

  it("publishes its own port at most, and no environment with secrets", () => {
    expect(HttpService).type.not.toBeConstructableWith("s", {
      ...least,
      ports: [{ address: "127.0.0.1", port: 1, internal: 2 }],
    });
    expect(HttpService).type.not.toBeConstructableWith("s", { ...least, bind: { port: 1 } });
    expect(HttpService).type.not.toBeConstructableWith("s", { ...least, environment: { A: id } });
  });
});

describe("a database", () => {
  const args = { deployment, image: "mongo:8.0", database: "d", generation: 1 };

  it("belongs to one service, and says whether it is published", () => {
    expect(Database).type.toBeConstructableWith("d", {
      ...args,
      role: "kms-db",
      publish: undefined,
    });
    expect(Database).type.toBeConstructableWith("d", {
      ...args,
      role: "backend-db",
      publish: { address: "127.0.0.1", port: 27017 },
    });
    expect(Database).type.not.toBeConstructableWith("d", {
      ...args,
      role: "kms",
      publish: undefined,
    });
    expect(Database).type.not.toBeConstructableWith("d", { ...args, role: "kms-db" });
    expect(Database).type.not.toBeConstructableWith("d", {
      ...args,
      role: "kms-db",
      publish: true,
    });
    expect<DatabaseArgs["role"]>().type.toBe<`${string}-db`>();
  });
});

describe("a deployment", () => {
  it("needs nothing but a name, and takes an id and a provider's engine from elsewhere", () => {
    expect(Deployment).type.toBeConstructableWith("shop");
    expect(Deployment).type.toBeConstructableWith(
      "shop",
      {
        ...{ prefix: "shop", stack: "dev", id, throwaway: true, labels: "edu.shop" },
        engine: { connection: "ssh://a@b" },
      },
      { protect: true },
    );
    expect(Deployment).type.not.toBeConstructableWith();
  });

  it("does not take a name that is known only later, or an engine by its address alone", () => {
    expect(Deployment).type.not.toBeConstructableWith("shop", { prefix: id });
    expect(Deployment).type.not.toBeConstructableWith("shop", { labels: id });
    expect(Deployment).type.not.toBeConstructableWith("shop", { engine: "ssh://a@b" });
    expect(Deployment).type.not.toBeConstructableWith("shop", { dockerHost: "ssh://a@b" });
  });

  it("is never written by hand: two would have each other's resources", () => {
    const { prefix, stack, throwaway, engine, labels, kept } = deployment;
    const fields = { prefix, stack, id, throwaway, engine, labels, kept };
    expect<Deployment>().type.not.toBeAssignableFrom(fields);
  });
});

describe("an engine", () => {
  it("takes secrets, and a key only with what goes with it", () => {
    const text = id;
    const tls = { ca: text, certificate: text, privateKey: text };
    expect(DockerEngine).type.toBeConstructableWith("e", { host: text, tls });
    expect(DockerEngine).type.not.toBeConstructableWith("e", { host: text, tls: { ca: text } });
    expect(DockerEngine).type.not.toBeConstructableWith("e", { host: text, sshOptions: "-v" });
    expect<DockerEngine>().type.toBeAssignableTo<Engine>();
    expect<{ connection: string }>().type.toBeAssignableTo<Engine>();
  });
});

describe("a program", () => {
  it("is one of those that exist, and gets its input as a whole", () => {
    expect(Program).type.toBeConstructableWith("p", { program: "smoke", input: { a: id } }, {});
    expect(Program).type.not.toBeConstructableWith("p", { program: "sh", input: {} }, {});
    expect(Program).type.not.toBeConstructableWith("p", { program: "smoke" }, {});
    expect<ProgramArgs>().type.not.toHaveProperty("environment");
  });
});

describe("a server's certificate", () => {
  it("is signed by somebody, for one name", () => {
    const args = { validityDays: 90, renewBeforeDays: 30, generation: 1 };
    expect(ServerCertificate).type.toBeConstructableWith("c", {
      ...args,
      authority,
      serverName: "cybexp.example.edu",
    });
    expect(ServerCertificate).type.not.toBeConstructableWith("c", { ...args, authority });
    expect(ServerCertificate).type.not.toBeConstructableWith("c", {
      ...args,
      serverName: "cybexp.example.edu",
    });
  });
});

describe("a door of the proxy", () => {
  it("leads to a service that shares a network with the proxy", () => {
    const door = { name: "kms", listen: 5002, maxBody: "64k", access: "password" as const };
    expect<ProxyDoor>().type.toBeAssignableFrom({ ...door, service });
    expect<ProxyDoor>().type.toBeAssignableFrom({ ...door, service: kapow });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, service: "kms:5000" });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, service: network });
  });

  it("takes each switch by its field's term, and no other value", () => {
    const door = { name: "web", listen: 443, service, maxBody: "1m", access: "either" as const };
    expect<ProxyDoor>().type.toBeAssignableFrom({
      ...door,
      profile: "web" as const,
      headers: { "X-Robots-Tag": "noindex" },
      streaming: true,
      websocket: false,
      buffersUploads: false,
      keepAlive: 16,
      names: ["web.example.edu"],
      paths: [{ path: "/app/" as const, service: kapow, stripPrefix: true }],
    });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, profile: "page" as const });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, headers: { "X-Robots-Tag": id } });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, keepAlive: true });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, names: "web.example.edu" });
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, streaming: "on" });
  });

  it("has paths between two slashes, which decide the service alone", () => {
    expect<DoorPath>().type.toBeAssignableFrom({ path: "/app/" as const, service });
    expect<DoorPath>().type.not.toBeAssignableFrom({ path: "/app" as const, service });
    expect<DoorPath>().type.not.toBeAssignableFrom({ path: "app/" as const, service });
    expect<DoorPath>().type.not.toBeAssignableFrom({ path: "/" as const, service });
    expect<DoorPath>().type.not.toBeAssignableFrom({ path: "/app/" as const, service: "app:80" });
    expect<DoorPath>().type.not.toHaveProperty("access");
  });

  it("says what callers need", () => {
    const door = { name: "kms" as const, listen: 5002, service, maxBody: "64k" };
    expect<ProxyDoor>().type.toBeAssignableFrom({ ...door, access: "both" as const });
    expect<ProxyDoor>().type.not.toBeAssignableFrom(door);
    expect<ProxyDoor>().type.not.toBeAssignableFrom({ ...door, access: "nothing" as const });
  });
});

describe("a collector", () => {
  const args = {} as CollectorArgs;

  it("stands alone with a proxy, users and the KMS's key, and needs each of them", () => {
    expect(Collector).type.toBeConstructableWith("collector", args);
    expect(Collector).type.toBeConstructableWith("collector", {
      ...args,
      ...{ jwtKey: id, serverCa: id, after: [service] },
    });
    expect<CollectorArgs>().type.not.toBeAssignableFrom<Omit<CollectorArgs, "proxy">>();
    expect<CollectorArgs>().type.not.toBeAssignableFrom<Omit<CollectorArgs, "users">>();
    expect<CollectorArgs>().type.not.toBeAssignableFrom<Omit<CollectorArgs, "jwtKey">>();
    expect<CollectorArgs>().type.not.toBeAssignableFrom<Omit<CollectorArgs, "serverCa">>();
    expect<CollectorArgs>().type.toBeAssignableFrom<Omit<CollectorArgs, "limits" | "overrides">>();
  });

  it("takes records at an address and a port, and not at a text", () => {
    expect<CollectorArgs["settings"]["bind"]>().type.toBe<Endpoint>();
    expect(Collector).type.not.toBeConstructableWith("collector", {
      ...args,
      settings: { ...args.settings, bind: "127.0.0.1:6000" },
    });
  });

  it("has no argument for a password or a token of its own", () => {
    expect(Collector).type.not.toBeConstructableWith("collector", { ...args, token: "t" });
  });
});
