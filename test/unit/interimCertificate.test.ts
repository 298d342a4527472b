/** When the interim certificate is put where a container renews a server's own. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { servedConf, versionIn } from "../../render/acmePaths.ts";
import { interimVersion, needsInterim } from "../../render/interimCertificate.ts";
import { issue, makeAuthority, type Pair } from "./pki.ts";

const NAMES = ["a.example.edu", "b.example.edu"];
const DAY = 86_400_000;
const ISSUED = "20261128093000-0123abcd";
const time = new Date();

let interim: Pair;
let other: Pair;
let issued: Pair;
let ended: Pair;
let foreign: Pair;

describe("the interim certificate", () => {
  before(async () => {
    const own = await makeAuthority("own");
    const authority = await makeAuthority("authority");
    interim = await issue(own, "a.example.edu", { usage: "server" });
    other = await issue(own, "a.example.edu", { usage: "server" });
    issued = await issue(authority, "a.example.edu", { usage: "server" });
    ended = await issue(authority, "a.example.edu", {
      usage: "server",
      notAfter: new Date(time.getTime() - DAY),
    });
    foreign = await issue(authority, "c.example.edu", { usage: "server" });
  });

  const needed = (version: string | undefined, pair: Partial<Pair>, names = NAMES) =>
    needsInterim(
      {
        conf: version === undefined ? "" : servedConf(version),
        certificate: pair.certificate ?? "",
        privateKey: pair.privateKey ?? "",
      },
      interim,
      { names, time },
    );

  it("is put where there is none, or nothing that Nginx could read", () => {
    assert.equal(needed(undefined, {}), true);
    assert.equal(needed(ISSUED, {}), true);
    assert.equal(needed(ISSUED, { ...issued, privateKey: "" }), true);
    assert.equal(needed(ISSUED, { ...issued, privateKey: interim.privateKey }), true);
    assert.equal(needed(ISSUED, { ...issued, certificate: "cut off" }), true);
    assert.equal(
      needsInterim({ conf: "ssl_certificate x;\n", ...issued }, interim, { names: NAMES, time }),
      true,
    );
  });

  it("never takes the place of one that an authority has issued and that is good for a name", () => {
    assert.equal(needed(ISSUED, issued), false);
    assert.equal(
      needed(ISSUED, issued, ["b.example.edu", "a.example.edu", "new.example.edu"]),
      false,
    );
  });

  it("takes the place of one that has ended, or is for none of the names", () => {
    assert.equal(needed(ISSUED, ended), true);
    assert.equal(needed(ISSUED, foreign), true);
    assert.equal(needed(ISSUED, issued, ["b.example.edu", "192.0.2.1", "*.example.edu"]), true);
  });

  it("takes the place of an older interim one, and not its own", () => {
    assert.equal(needed(interimVersion(interim), interim), false);
    assert.equal(needed(interimVersion(other), other), true);
    assert.equal(needed(interimVersion(interim), {}), true);
  });

  it("has a folder of its own, which current.conf can name", () => {
    assert.match(interimVersion(interim), /^interim-[0-9a-f]{16}$/);
    assert.notEqual(interimVersion(interim), interimVersion(other));
    assert.equal(versionIn(servedConf(interimVersion(interim))), interimVersion(interim));
    assert.equal(versionIn(servedConf(ISSUED)), ISSUED);
    assert.equal(versionIn("ssl_certificate /acme/../x/fullchain.pem;\n"), undefined);
  });
});
