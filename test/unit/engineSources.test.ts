import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configuredConnection } from "../../settings/engineSources.ts";

const keys = { caMaterial: "the CA", certMaterial: "the certificate", keyMaterial: "the key" };
const tls = { ca: "the CA", certificate: "the certificate", privateKey: "the key" };

describe("the engine of a program that names none", () => {
  it("is an address of the config, or else the environment's, of which programs are told nothing", () => {
    assert.equal(configuredConnection({ host: "ssh://a@b" }, {}), "ssh://a@b");
    assert.equal(configuredConnection({}, {}), undefined);
    assert.equal(configuredConnection({}, { DOCKER_HOST: "ssh://a@b" }), undefined);
    assert.equal(configuredConnection({}, { DOCKER_CONTEXT: "far" }), undefined);
    assert.equal(
      configuredConnection({ host: "ssh://a@b" }, { DOCKER_HOST: "ssh://c@d" }),
      "ssh://a@b",
    );
  });

  it("is reached by programs with all that the config tells the provider", () => {
    const far = "tcp://far:2376";
    assert.deepEqual(configuredConnection({ host: far, ...keys }, {}), { host: far, tls });
    assert.deepEqual(configuredConnection({ host: far, certPath: "/etc/engine" }, {}), {
      host: far,
      certPath: "/etc/engine",
    });
    assert.deepEqual(configuredConnection({ host: "ssh://a@b", sshOpts: ["-v"] }, {}), {
      host: "ssh://a@b",
      sshOptions: ["-v"],
    });
    assert.deepEqual(configuredConnection(keys, { DOCKER_HOST: far }), { host: far, tls });
  });

  it("is that of the config's context, as the provider has it, whatever else is set", () => {
    assert.deepEqual(
      configuredConnection(
        { host: "ssh://a@b", context: "far" },
        { DOCKER_HOST: "ssh://c@d", DOCKER_CONTEXT: "other" },
      ),
      { context: "far" },
    );
  });

  const refused: [string, Parameters<typeof configuredConnection>, string][] = [
    [
      "an address in the config beside DOCKER_CONTEXT",
      [{ host: "ssh://a@b" }, { DOCKER_CONTEXT: "far" }],
      "docker:host and DOCKER_CONTEXT both name an engine, and Pulumi's provider would follow the one, Docker's " +
        "command line the other: unset DOCKER_CONTEXT",
    ],
    [
      "DOCKER_HOST beside DOCKER_CONTEXT",
      [{}, { DOCKER_HOST: "ssh://a@b", DOCKER_CONTEXT: "far" }],
      "DOCKER_HOST and DOCKER_CONTEXT both name an engine, and Pulumi's provider would follow the one, Docker's " +
        "command line the other: unset DOCKER_CONTEXT",
    ],
    [
      "a key without the engine's CA, with which the provider would verify nothing",
      [{ host: "tcp://far:2376", ...keys, caMaterial: undefined }, {}],
      "docker:caMaterial, docker:certMaterial and docker:keyMaterial belong together: set all three or none",
    ],
    [
      "keys for a socket",
      [keys, {}],
      "the stack's config about docker: `tls` and `certPath` are for a `host` that begins with tcp://",
    ],
  ];
  for (const [what, args, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => configuredConnection(...args), { name: "RangeError", message });
    });
  }
});
