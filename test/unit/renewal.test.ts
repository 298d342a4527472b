/** What is said of certificates that an ACME server is to issue, and how long an `up` waits for them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lookAtRenewal } from "../../cli/doctor/renewal.ts";
import {
  awaitCertificates,
  type Renewal,
  renewalSentence,
  statusOf,
} from "../../programs/certificates/renewal.ts";
import { tar } from "../../programs/docker/archive.ts";
import { type Docker, DockerError } from "../../programs/docker/docker.ts";
import type { AcmeStatus } from "../../render/acmeInput.ts";
import { servedConf } from "../../render/acmePaths.ts";
import type { Settings } from "../../settings/types.ts";

const NAMES = ["a.example.edu", "b.example.edu"];
const PROXY = { name: "proxy", names: NAMES };
const VERSION = "20261128093000-0123abcd";

const WELL: AcmeStatus = {
  server: "proxy",
  release: "release-2",
  names: NAMES,
  current: true,
  notBefore: "2026-11-28T09:30:00Z",
  notAfter: "2027-02-26T09:30:00Z",
  issuer: "CN=an authority",
  failures: 0,
  lastAttempt: "2026-11-28T09:30:00Z",
  lastSuccess: "2026-11-28T09:30:00Z",
  nextAttempt: "2026-11-28T15:30:00Z",
  lastError: null,
};
const FAILED = { failures: 2, lastError: "no answer", nextAttempt: "2026-11-28T10:00:00Z" };
const FIRST = { current: false, notBefore: null, notAfter: null, issuer: null };

describe("what is said of a certificate that is renewed", () => {
  const said = (changes: Partial<AcmeStatus>, server = PROXY) =>
    renewalSentence(server, { ...WELL, ...changes });

  it("is nothing if it is as it should be, in whatever order and case the names are", () => {
    assert.equal(said({}), undefined);
    assert.equal(said({ names: ["B.example.edu", "a.example.edu"] }), undefined);
  });

  it("is what serves in its place, and why", () => {
    assert.equal(
      said(FIRST),
      "the certificate authority has not issued the certificate for a.example.edu, b.example.edu of the proxy yet, so an interim certificate of the stack's own authority serves",
    );
    assert.equal(
      said({ ...FIRST, ...FAILED }),
      "the certificate authority has not issued the certificate for a.example.edu, b.example.edu of the proxy yet, so an interim certificate of the stack's own authority serves: 2 attempts failed (no answer); the next is at 2026-11-28T10:00:00Z",
    );
    assert.equal(
      said({ ...FAILED, failures: 1 }),
      "the certificate of the proxy could not be renewed, so the certificate that is valid until 2027-02-26T09:30:00Z serves: 1 attempt failed (no answer); the next is at 2026-11-28T10:00:00Z",
    );
  });

  it("is that the names are others, though the status does not know it yet", () => {
    assert.match(
      said({}, { name: "proxy", names: [...NAMES, "new.example.edu"] }) ?? "",
      /has not issued the certificate for .*new\.example\.edu of the proxy yet, so the certificate that is valid until 2027/,
    );
  });

  it("is that nothing is known", () => {
    assert.equal(
      renewalSentence(PROXY, undefined),
      "the certificate of the proxy is not renewed: the container that does so has said nothing yet",
    );
  });
});

/** An engine with these files in the renewing container, whose proxy answers its health check so. */
function engine(
  files: Readonly<Record<string, string | (() => string)>>,
  healthz = "ok\n",
): Docker {
  return {
    copyOut: async (_: string, path: string) => {
      const file = files[path];
      if (file === undefined) {
        return undefined;
      }
      const content = Buffer.from(typeof file === "string" ? file : file());
      return tar([{ path: "file", mode: 0o400, uid: 0, gid: 0, content }]);
    },
    run: () => Promise.resolve(healthz),
  } as unknown as Docker;
}

const STATUS = "/acme/served/proxy/status.json";
const CONF = "/acme/served/proxy/current.conf";

describe("an up", () => {
  const renewal: Renewal = {
    container: "acme",
    proxy: "proxy",
    release: "release-2",
    servers: [PROXY],
  };

  it("goes on once the certificate is there and the proxy shows it", async () => {
    let looks = 0;
    const status = () =>
      JSON.stringify({ ...WELL, release: looks++ < 1 ? "release-1" : "release-2" });
    const docker = engine({ [STATUS]: status, [CONF]: servedConf(VERSION) }, `ok ${VERSION}\n`);
    assert.deepEqual(await awaitCertificates(docker, renewal), []);
    assert.equal(looks, 2);
  });

  it("doesn't wait for an authority that is to be asked again much later", async () => {
    const begin = performance.now();
    const next = new Date(Date.now() + 3_600_000).toISOString();
    const status = JSON.stringify({ ...WELL, ...FIRST, ...FAILED, nextAttempt: next });
    const [sentence, ...more] = await awaitCertificates(engine({ [STATUS]: status }), renewal);
    assert.match(sentence ?? "", /has not issued .*no answer/);
    assert.deepEqual(more, []);
    assert.ok(performance.now() - begin < 10_000);
  });
});

describe("the doctor", () => {
  const settings = (source: string) =>
    ({
      proxy: { serverName: NAMES[0], serverNames: NAMES.slice(1) },
      certificates: { source },
    }) as unknown as Settings;
  const look = (docker: Docker, source = "acme", ill: readonly string[] = []) =>
    lookAtRenewal(docker, "prod", settings(source), ill);

  it("says that certificates are renewed, or why not and where to look", async () => {
    assert.deepEqual(await look(engine({ [STATUS]: JSON.stringify(WELL) })), [
      {
        level: "good",
        about: "renewal",
        text: "the certificate authority renews what the servers show",
      },
    ]);
    const [fault] = await look(engine({ [STATUS]: JSON.stringify({ ...WELL, ...FAILED }) }));
    assert.equal(fault?.level, "fault");
    assert.match(fault.text, /could not be renewed.*: see `docker logs cybexp-prod-acme`$/);
  });

  it("says nothing of other sources, nor what a container's health has said", async () => {
    assert.deepEqual(await look(engine({}), "generated"), []);
    assert.deepEqual(await look(engine({}), "acme", ["cybexp-prod-acme"]), []);
  });
});

describe("a status", () => {
  it("is none when it can't be read", async () => {
    assert.equal(await statusOf(engine({}), "acme", "proxy"), undefined);
    assert.equal(await statusOf(engine({ [STATUS]: "cut o" }), "acme", "proxy"), undefined);
    assert.equal(await statusOf(engine({ [STATUS]: "{}" }), "acme", "proxy"), undefined);
    const gone = {
      copyOut: () =>
        Promise.reject(
          new DockerError(["cp"], { code: 1, stdout: "", stderr: "No such container" } as never),
        ),
    } as unknown as Docker;
    assert.equal(await statusOf(gone, "acme", "proxy"), undefined);
  });
});
