/** Two engines in one program, reached by SSH and by TLS, neither of them the one that the environment names. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { AUTHORITY, file, make, read, server } from "../authority.ts";
import { Example } from "../integration/example.ts";
import { docker } from "../integration/project.ts";
import { SecondEngine } from "./engines/secondEngine.ts";
import { SshServer } from "./engines/sshServer.ts";

/** In the second engine's network, where nothing else listens. */
const PORT = { ssh: 2222, tls: 2376 };
const IMAGE = "cybexp-demo/backend:1";

/** Where everything ends that asks the environment. */
const ELSEWHERE = {
  DOCKER_HOST: "unix:///nobody/listens/here.sock",
  DOCKER_CONTEXT: "no-such-context",
  DOCKER_CERT_PATH: "/no/such/folder",
  DOCKER_TLS_VERIFY: "1",
};

describe("two engines in one program", () => {
  let second: SecondEngine | undefined;
  let ssh: SshServer | undefined;
  let example: Example | undefined;
  const the = () => {
    assert.ok(second && ssh && example);
    return { second, ssh, example };
  };

  before(async () => {
    make("ca", { extensions: AUTHORITY });
    make("engine", { by: "ca", extensions: server("IP:127.0.0.1") });
    make("operator", { by: "ca", extensions: ["extendedKeyUsage=clientAuth"] });
    second = await SecondEngine.start({
      tls: {
        port: PORT.tls,
        ca: file("ca.pem"),
        certificate: file("engine.pem"),
        key: file("engine.key"),
      },
    });
    await second.load([IMAGE]);
    ssh = await SshServer.start(PORT.ssh, second.entrance);
    example = await Example.of("two-engines", {
      image: IMAGE,
      near: ssh.host,
      sshOptions: ssh.options,
      far: `tcp://127.0.0.1:${PORT.tls}`,
      ca: read("ca.pem"),
      certificate: read("operator.pem"),
    });
    example.entrance = second.entrance;
    await succeeds("stack", "init", example.stack);
    const set = await example.setSecret("privateKey", read("operator.key"));
    assert.equal(set.code, 0, set.output);
    example.env = ELSEWHERE;
  });
  after(async () => {
    try {
      await example?.pulumi("destroy", "--yes", "--skip-preview");
      await example?.remove();
    } finally {
      ssh?.stop();
      await second?.stop();
    }
  });

  const succeeds = async (...args: string[]): Promise<string> => {
    const { code, output } = await the().example.pulumi(...args);
    assert.equal(code, 0, output);
    return output;
  };
  const page = (engine: readonly string[]) =>
    docker(...engine, "exec", `two-engines-${the().example.stack}-site`, "cat", "/srv/index.html");
  const far = () => ["--host", the().second.host];

  it("has resources and files on each, without a word of the key", async () => {
    const output = await succeeds("up", "--yes", "--skip-preview");
    assert.equal(page([]), "This is near");
    assert.equal(page(far()), "This is far");
    assert.match(the().ssh.log(), /^Accepted publickey/m);
    const secret = read("operator.key").split("\n")[1] ?? "";
    assert.ok(secret.length > 40);
    assert.ok(!output.includes(secret));
    assert.ok(!the().example.state().includes(secret));
    assert.match(the().example.state(), /ssh:\/\//);
  });

  it("has nothing to do in a second run", async () => {
    const output = await succeeds("up", "--yes", "--skip-preview", "--refresh");
    assert.match(output, /^Resources:\n +\d+ unchanged$/m);
  });

  it("is removed from both", async () => {
    await succeeds("destroy", "--yes", "--skip-preview");
    assert.deepEqual(the().example.leftovers(), []);
    assert.deepEqual(the().example.leftovers(...far()), []);
  });
});
