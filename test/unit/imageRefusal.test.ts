import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { refusal, registryOf } from "../../programs/images/pull.ts";

describe("the registry of an image", () => {
  it("is the first part, if that is a host", () => {
    assert.equal(registryOf("registry.example.edu/a/b:1"), "registry.example.edu");
    assert.equal(registryOf("localhost/a:1"), "localhost");
    assert.equal(registryOf("a:5000/b:1"), "a:5000");
  });

  it("is Docker Hub for everything else", () => {
    assert.equal(registryOf("nginx:1.30"), "docker.io");
    assert.equal(registryOf("library/nginx:1.30"), "docker.io");
  });
});

describe("why an image can't be had", () => {
  const image = "registry.example.edu/kms:1.0";
  for (const [words, expected] of [
    [
      'Error response from daemon: Head "https://registry.example.edu/v2/kms/manifests/1.0": no basic auth credentials',
      "registry.example.edu refuses access; log in with `docker login registry.example.edu` on this machine and as this user, or correct the image's name",
    ],
    [
      "Error response from daemon: manifest for registry.example.edu/kms:1.0 not found: manifest unknown: manifest unknown",
      "registry.example.edu has no such image; check its name, tag and digest",
    ],
    [
      "no such manifest: registry.example.edu/kms:1.0",
      "registry.example.edu has no such image; check its name, tag and digest",
    ],
    [
      'error getting credentials - err: exec: "docker-credential-nope": executable file not found in $PATH, out: ``',
      'the credential helper for registry.example.edu fails (error getting credentials - err: exec: "docker-credential-nope": executable file not found in $PATH, out: ``); see credsStore and credHelpers in Docker\'s config.json',
    ],
    [
      'Error response from daemon: Get "https://registry.example.edu/v2/": dial tcp: lookup registry.example.edu: no such host',
      'registry.example.edu does not answer like a registry (Get "https://registry.example.edu/v2/": dial tcp: lookup registry.example.edu: no such host)',
    ],
    [
      "no matching manifest for linux/arm64/v8 in the manifest list entries",
      "registry.example.edu does not have it for the engine's processor architecture",
    ],
  ] as const) {
    it(`is told: ${expected.slice(0, 60)}`, () => {
      assert.equal(refusal(image, words), `the image ${image} can't be pulled: ${expected}`);
    });
  }

  it("names no registry in a login at Docker Hub", () => {
    assert.match(
      refusal("acme/kms:1", "unauthorized: access denied"),
      /log in with `docker login` on this machine/,
    );
  });
});
