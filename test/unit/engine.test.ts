import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { troubleOf } from "../../machine/engine.ts";
import {
  chooseHost,
  contextEndpoint,
  engineEnvironment,
  isDefaultHost,
  isLocalHost,
} from "../../machine/engine/host.ts";
import { supportedVersion } from "../../machine/engine/version.ts";
import { distribution, hasApt, type Machine } from "../../machine/engine/machine.ts";
import { remedyFor, type Situation } from "../../machine/engine/remedy.ts";

describe("which engine is meant", () => {
  const socket = "unix:///var/run/docker.sock";

  it("takes the config before the environment before the context", () => {
    const sources = { configured: "ssh://a@b", environment: "tcp://c:1", context: "unix:///d" };
    assert.equal(chooseHost(sources), "ssh://a@b");
    assert.equal(chooseHost({ ...sources, configured: undefined }), "tcp://c:1");
    assert.equal(chooseHost({ context: "unix:///d" }), "unix:///d");
    assert.equal(chooseHost({}), undefined);
  });

  it("treats empty as not given", () => {
    assert.equal(
      chooseHost({ configured: "", environment: " ", context: "unix:///d" }),
      "unix:///d",
    );
  });

  it("leaves the default context's socket to the command line", () => {
    assert.equal(chooseHost({ context: socket }), undefined);
  });

  it("keeps a default socket that somebody named: a context could say otherwise", () => {
    assert.equal(chooseHost({ configured: socket, environment: "tcp://c:1" }), socket);
  });

  it("refuses what isn't an address, and says where it comes from", () => {
    assert.throws(() => chooseHost({ configured: "docker.example.edu" }), {
      name: "UserError",
      message:
        'docker:host is "docker.example.edu", which is not the address of an engine: ' +
        "use for example unix:///var/run/docker.sock or ssh://user@machine.",
    });
    assert.throws(() => chooseHost({ environment: "ssh://" }), /^UserError: DOCKER_HOST is "ssh:/);
  });

  describe("by a context", () => {
    const context = (docker: object, more: object = {}) =>
      JSON.stringify([{ Name: "e", Endpoints: { docker }, TLSMaterial: {}, ...more }]);

    it("is its endpoint, with the folder of its TLS files if it has any", () => {
      const host = "tcp://e:2376";
      assert.deepEqual(contextEndpoint(context({ Host: host })), { host });
      const tls = {
        TLSMaterial: { docker: ["ca.pem", "cert.pem", "key.pem"] },
        Storage: { TLSPath: "/home/a/.docker/contexts/tls/0123" },
      };
      assert.deepEqual(contextEndpoint(context({ Host: host }, tls)), {
        host,
        certPath: "/home/a/.docker/contexts/tls/0123/docker",
      });
    });

    it("is undefined if there is no endpoint", () => {
      assert.equal(contextEndpoint("[]"), undefined);
      assert.equal(contextEndpoint(context({})), undefined);
    });

    it("is refused where it verifies nothing", () => {
      assert.throws(
        () => contextEndpoint(context({ Host: "tcp://e:2376", SkipTLSVerify: true })),
        /^UserError: the Docker context e does not verify the engine's certificate/,
      );
    });
  });

  it("is in one environment for all, without DOCKER_CONTEXT", () => {
    const env = { PATH: "/bin", DOCKER_CONTEXT: "e", DOCKER_HOST: "tcp://old:1" };
    assert.deepEqual(engineEnvironment(env, { host: "tcp://e:2376", certPath: "/tls/docker" }), {
      PATH: "/bin",
      DOCKER_HOST: "tcp://e:2376",
      DOCKER_CERT_PATH: "/tls/docker",
      DOCKER_TLS_VERIFY: "1",
    });
    assert.deepEqual(engineEnvironment({ DOCKER_CONTEXT: "default" }, { host: undefined }), {});
  });

  it("tells this machine's own socket from others, and sockets from networks", () => {
    assert.deepEqual([undefined, socket, "unix:///x"].map(isDefaultHost), [true, true, false]);
    assert.deepEqual([undefined, "unix:///x", "ssh://a@b", "tcp://127.0.0.1:1"].map(isLocalHost), [
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("what a failed question to the engine means", () => {
  const permission =
    "permission denied while trying to connect to the Docker daemon socket at unix:///var/run/docker.sock";
  const down = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.";

  it("tells a missing program, missing permission and a missing answer apart", () => {
    assert.equal(troubleOf("ENOENT", ""), "no command line");
    assert.equal(troubleOf(undefined, permission), "no permission");
    assert.equal(troubleOf(undefined, down), "no answer");
    assert.equal(troubleOf(undefined, "Permission denied (publickey)."), "no answer");
  });
});

describe("the machine", () => {
  it("reads os-release, quoted or not", () => {
    assert.deepEqual(distribution('PRETTY_NAME="Debian"\nID=debian\n'), ["debian"]);
    assert.deepEqual(distribution('ID="mint"\nID_LIKE="ubuntu debian"\n'), [
      "mint",
      "ubuntu",
      "debian",
    ]);
    assert.deepEqual(distribution("VERSION_ID=12\n"), []);
  });

  it("has apt on Debian, Ubuntu and their descendants only", () => {
    const apt = (...names: string[]) =>
      hasApt({ platform: "linux", distribution: names, root: false });
    assert.deepEqual(
      [apt("debian"), apt("mint", "ubuntu"), apt("fedora"), apt()],
      [true, true, false, false],
    );
  });
});

describe("the remedy when no engine answers", () => {
  const debian: Machine = { platform: "linux", distribution: ["debian"], root: true };
  const remedy = (changes: Partial<Situation>) =>
    remedyFor({
      trouble: "no answer",
      host: undefined,
      ownEngine: true,
      machine: debian,
      daemonInstalled: false,
      words: "refused",
      ...changes,
    });
  const install = { do: "install", packages: ["docker.io", "docker-cli"], start: true };

  it("installs and starts on Debian as root", () => {
    assert.deepEqual(remedy({}), install);
    assert.deepEqual(remedy({ trouble: "no command line" }), install);
  });

  it("only starts an engine that is installed", () => {
    assert.deepEqual(remedy({ daemonInstalled: true }), { do: "start" });
    assert.deepEqual(remedy({ daemonInstalled: true, trouble: "no command line" }), install);
  });

  it("installs nothing without being root", () => {
    assert.deepEqual(remedy({ machine: { ...debian, root: false } }), {
      do: "ask",
      message:
        "No Docker engine answers at the default socket: " +
        "install and start one with `sudo apt-get install docker.io`, or run this as root.",
    });
  });

  it("installs nothing on other systems", () => {
    const mac = { platform: "darwin", distribution: [], root: true } as const;
    assert.deepEqual(remedy({ machine: mac }), {
      do: "ask",
      message:
        "No Docker engine answers at the default socket: " +
        "install and start Docker Desktop, OrbStack or Colima.",
    });
    const fedora = { platform: "linux", distribution: ["fedora"], root: true } as const;
    assert.deepEqual(remedy({ machine: fedora, trouble: "no command line" }), {
      do: "ask",
      message:
        "There is no docker program on PATH: " +
        "install and start Docker Engine as described at https://docs.docker.com/engine/install/.",
    });
  });

  it("never installs an engine in place of a remote one, only the program to reach it", () => {
    const there = { host: "ssh://a@b", ownEngine: false } as const;
    assert.deepEqual(remedy(there), {
      do: "ask",
      message:
        "No Docker engine answers at ssh://a@b (refused): start it, or correct docker:host or DOCKER_HOST.",
    });
    assert.deepEqual(remedy({ ...there, trouble: "no command line" }), {
      do: "install",
      packages: ["docker-cli", "docker.io"],
      start: false,
    });
  });

  it("says what to do about a socket that refuses", () => {
    const found = remedy({ trouble: "no permission", daemonInstalled: true });
    assert.equal(found.do, "ask");
    assert.match(found.message, /^The Docker engine at the default socket refuses this user: add/);
  });
});

describe("an engine's version", () => {
  it("is what Docker says", () => {
    const Components = [{ Name: "Engine" }, { Name: "containerd" }];
    assert.equal(supportedVersion({ Version: "28.5.2", Components }), "28.5.2");
    assert.equal(
      supportedVersion({ Version: "20.10.24+dfsg1", Components: null }),
      "20.10.24+dfsg1",
    );
  });

  it("is refused for Podman, which answers like Docker", () => {
    const podman = { Version: "5.8.6", Components: [{ Name: "Podman Engine" }] };
    assert.throws(() => supportedVersion(podman), {
      name: "UserError",
      message:
        "the engine is Podman 5.8.6, which is not supported: use Docker 20.10 or newer; " +
        "set docker:host in the stack's config, or DOCKER_HOST, to its address",
    });
  });

  it("is refused when it is too old", () => {
    assert.throws(() => supportedVersion({ Version: "19.03.15" }), {
      message: "the Docker engine is version 19.03.15, which is too old: install 20.10 or newer",
    });
  });
});
