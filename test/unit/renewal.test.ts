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
const PROXY = { name: "proxy", names: NAMES, container: "it-proxy", asks: ["what", "proxy"] };
const KAPOW = {
  ...{ name: "kapow", names: ["routes.example.edu"] },
  ...{ container: "it-kapow", asks: ["what", "kapow"] },
};
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
      said({}, { ...PROXY, names: [...NAMES, "new.example.edu"] }) ?? "",
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

/** An engine with these files in the renewing container, where the servers answer so. */
function engine(
  files: Readonly<Record<string, string | (() => string)>>,
  answers: Readonly<Record<string, () => string | undefined>> = {},
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
    run: ([verb, container = "", ...command]: readonly string[]) => {
      const answer = verb === "exec" && command[0] === "what" ? answers[container]?.() : undefined;
      return answer === undefined
        ? Promise.reject(
            new DockerError(["exec"], { code: 1, stdout: "", stderr: "curl: (7)" } as never),
          )
        : Promise.resolve(answer);
    },
  } as unknown as Docker;
}

const STATUS = "/acme/served/proxy/status.json";
const CONF = "/acme/served/proxy/current.conf";
const OF_KAPOW = {
  status: "/acme/served/kapow/status.json",
  conf: "/acme/served/kapow/current.conf",
};

describe("an up", () => {
  const renewal: Renewal = {
    container: "acme",
    release: "release-2",
    servers: [PROXY],
  };

  it("goes on once the certificate is there and the proxy shows it", async () => {
    let looks = 0;
    const status = () =>
      JSON.stringify({ ...WELL, release: looks++ < 1 ? "release-1" : "release-2" });
    const files = { [STATUS]: status, [CONF]: servedConf(VERSION) };
    const docker = engine(files, { "it-proxy": () => `ok ${VERSION}\n` });
    assert.deepEqual(await awaitCertificates(docker, renewal), []);
    assert.equal(looks, 2);
  });

  it("goes on once each server shows its own, also one that starts anew for it", async () => {
    const both = { ...renewal, servers: [PROXY, KAPOW] };
    const files = {
      [STATUS]: JSON.stringify(WELL),
      [CONF]: servedConf(VERSION),
      [OF_KAPOW.status]: JSON.stringify({ ...WELL, server: "kapow", names: KAPOW.names }),
      [OF_KAPOW.conf]: servedConf("20261128093001-89abcdef"),
    };
    const said = ["interim-0123456789abcdef", undefined, "20261128093001-89abcdef"];
    let asked = 0;
    const ofKapow = () => {
      const version = said[asked++];
      return version && `ok ${version}\n`;
    };
    const docker = engine(files, { "it-proxy": () => `ok ${VERSION}\n`, "it-kapow": ofKapow });
    assert.deepEqual(await awaitCertificates(docker, both), []);
    assert.equal(asked, said.length);
  });

  it("waits for who starts anew also if another one's certificate is missing", async () => {
    const next = new Date(Date.now() + 3_600_000).toISOString();
    const files = {
      [STATUS]: JSON.stringify({ ...WELL, ...FIRST, ...FAILED, nextAttempt: next }),
      [OF_KAPOW.status]: JSON.stringify({ ...WELL, server: "kapow", names: KAPOW.names }),
      [OF_KAPOW.conf]: servedConf(VERSION),
    };
    let asked = 0;
    const ofKapow = () => (asked++ < 2 ? "ok interim-0123456789abcdef\n" : `ok ${VERSION}\n`);
    const docker = engine(files, { "it-kapow": ofKapow });
    const both = { ...renewal, servers: [PROXY, KAPOW] };
    const [sentence, ...more] = await awaitCertificates(docker, both);
    assert.match(sentence ?? "", /has not issued .* of the proxy yet/);
    assert.deepEqual(more, []);
    assert.equal(asked, 3);
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
