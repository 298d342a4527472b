/** What the program says and puts out of ends. */
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import {
  certificatesOutput,
  type End,
  knownEnds,
  warnOfEnds,
} from "../../../components/certificateEnds.ts";
import type { AcmeCertificates } from "../../../components/acmeCertificates.ts";
import { renewedEnds } from "../../../components/renewedEnds.ts";
import { RotatedAuthority } from "../../../components/rotatedAuthority.ts";
import { COMPONENT } from "../../../names/types.ts";
import type { KnownEnd } from "../../../render/certificateEnds.ts";
import { ServerCertificate } from "../../../components/serverCertificate.ts";
import { build, deployment, valueOf, type World } from "./mocks.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const end = (notAfter: string, changes: Partial<End> = {}): End => ({
  name: "proxy",
  kind: "server",
  source: "generated",
  notAfter: pulumi.output(notAfter),
  ...changes,
});
/** One whose end nobody knows before it is served. */
const elsewhere: End = { name: "elsewhere", kind: "server", source: "generated" };

const warned = async (ends: () => readonly End[], world: World = {}, now = NOW) => {
  const warn = mock.method(pulumi.log, "warn", () => Promise.resolve());
  await build(() => warnOfEnds(ends(), 21, now), world);
  warn.mock.restore();
  return warn.mock.calls.map(({ arguments: [text] }) => String(text));
};

describe("the output of ends", () => {
  it("has the whole days that are left, by name", async () => {
    const { result } = await build(() =>
      certificatesOutput([end("2026-12-25T13:00:00Z"), elsewhere], undefined, NOW),
    );
    assert.deepEqual(await valueOf(pulumi.output(result)), {
      proxy: { kind: "server", source: "generated", notAfter: "2026-12-25T13:00:00Z", days: 33 },
      elsewhere: { kind: "server", source: "generated" },
    });
  });

  it("has what the container that renews a certificate says of it", async () => {
    const renewed = pulumi.output<KnownEnd[]>([
      { name: "proxy", kind: "server", source: "acme", notAfter: "2026-12-01T12:00:00Z" },
    ]);
    const ends = ["proxy", "kapow"].map((name): End => ({ name, kind: "server", source: "acme" }));
    const { result } = await build(() => certificatesOutput(ends, renewed, NOW));
    assert.deepEqual(await valueOf(pulumi.output(result)), {
      proxy: { kind: "server", source: "acme", notAfter: "2026-12-01T12:00:00Z", days: 9 },
      kapow: { kind: "server", source: "acme" },
    });
  });

  it("is no secret, though what was there before the container was asked is one", async () => {
    const { result } = await build(() => {
      const renewal = new pulumi.ComponentResource(COMPONENT.acmeCertificates, "acme");
      return renewedEnds([{ name: "proxy", kind: "server", source: "acme" }], {
        deployment: deployment(),
        renewal: Object.assign(renewal, { containerName: "acme" }) as unknown as AcmeCertificates,
        after: pulumi.secret("the check's words"),
      });
    });
    assert.deepEqual(await valueOf(result), []);
    assert.equal(await pulumi.isSecret(result), false);
  });

  it("leaves what is only known elsewhere to others", async () => {
    const { result } = await build(() => knownEnds([end("2026-12-25T13:00:00Z"), elsewhere]));
    assert.deepEqual(
      (await valueOf(result)).map(({ name }) => name),
      ["proxy"],
    );
  });
});

describe("the program's warning", () => {
  it("is given of what ends soon, and of nothing else", async () => {
    const texts = await warned(() => [
      end("2026-12-01T12:00:00Z", { renewBeforeDays: 5 }),
      end("2026-12-01T12:00:00Z", { renewBeforeDays: 9 }),
      end("2027-12-01T12:00:00Z"),
      elsewhere,
    ]);
    assert.deepEqual(texts, [
      "the certificate of the proxy expires on 2026-12-01: an `up` renews it from 2026-11-26 on, so see that one runs between these days",
    ]);
  });

  it("isn't given in a preview of what is made anew, whose end is not known yet", async () => {
    const made = () => {
      const authority = new RotatedAuthority("ca", { commonName: "the CA" });
      return new ServerCertificate("cert", { authority, serverName: "a.example.edu" }).ends;
    };
    const soon = new Date("2035-12-31T00:00:00Z");
    const unrenewed = () => made().map((one) => ({ ...one, renewBeforeDays: 0 }));
    assert.equal((await warned(unrenewed, {}, soon)).length, 1);
    assert.deepEqual(await warned(unrenewed, { preview: true }, soon), []);
  });
});
