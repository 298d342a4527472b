/** When certificates end: what is read, told and warned of. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { certificateNamed } from "../../names/certificates.ts";
import { LOCALLY_SIGNED_CERT as LEAF, SELF_SIGNED_CERT as SELF } from "../../names/types.ts";
import {
  certificateEnd,
  daysLeft,
  type KnownEnd,
  listEnds,
  sentenceOf,
  spelled,
  warningsOf,
} from "../../render/certificateEnds.ts";
import { renderCrls } from "../../render/crl.ts";
import { makeAuthority as makeListing } from "../nginx/clientPki.ts";
import { issue, makeAuthority } from "./pki.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const inDays = (days: number) => spelled(new Date(NOW.getTime() + days * 86_400_000));

const PROXY: KnownEnd = {
  name: "proxy",
  kind: "server",
  source: "generated",
  notAfter: inDays(10),
  lifetimeDays: 90,
  renewBeforeDays: 7,
};

describe("the end of a certificate", () => {
  it("is that of the first in a chain, to the second", async () => {
    const authority = await makeAuthority("ca");
    const notAfter = new Date("2027-01-31T12:00:00Z");
    const leaf = await issue(authority, "a.example.edu", { usage: "server", notAfter });
    assert.equal(certificateEnd(leaf.certificate + authority.certificate), "2027-01-31T12:00:00Z");
  });

  it("of a revocation list is when the next one is due, which is when its authority ends", async () => {
    const authorities = [await makeListing("one"), await makeListing("two")];
    const lists = await renderCrls({ authorities, revoked: [], previous: "", now: new Date() });
    assert.deepEqual(
      listEnds(lists),
      authorities.map(({ certificate }) => certificateEnd(certificate)),
    );
    assert.deepEqual(listEnds(""), []);
  });

  const days: [string, number][] = [
    [inDays(33), 33],
    ["2026-11-23T11:59:59Z", 0],
    ["2026-11-22T12:00:00Z", 0],
    ["2026-11-22T11:59:59Z", -1],
    ["2026-11-20T12:00:00Z", -2],
  ];
  for (const [notAfter, left] of days) {
    it(`on ${notAfter} leaves ${left} whole days`, () => {
      assert.equal(daysLeft(notAfter, NOW), left);
    });
  }
});

describe("a warning", () => {
  const told = (changes: Partial<KnownEnd>, warnDays = 21) =>
    warningsOf([{ ...PROXY, ...changes }], { warnDays, now: NOW });

  const cases: [string, Partial<KnownEnd>, string[], number?][] = [
    [
      "of what an `up` renews later says from when on",
      {},
      [
        "the certificate of the proxy expires on 2026-12-02: an `up` renews it from 2026-11-25 on, so see that one runs between these days",
      ],
    ],
    ["isn't given of what the next `up` renews", { renewBeforeDays: 10 }, []],
    ["isn't given of what the next `up` renews, though it has ended", { notAfter: inDays(-1) }, []],
    ["isn't given before its time", { notAfter: inDays(21) }, []],
    [
      "is given from its time on",
      { notAfter: inDays(20.9) },
      [
        "the certificate of the proxy expires on 2026-12-13: an `up` renews it from 2026-12-06 on, so see that one runs between these days",
      ],
    ],
    [
      "isn't given of one that lives for days, as long as two thirds are left",
      { lifetimeDays: 30 },
      [],
    ],
    ["isn't given where it is switched off", {}, [], 0],
    [
      "tells how to have one renewed that nothing renews in time",
      { renewBeforeDays: 0 },
      [
        "the certificate of the proxy expires on 2026-12-02: set cybexp:certificates.renewBeforeDays to more than 10, and an `up` renews it",
      ],
    ],
    [
      "says of a client's that it is to be handed over",
      { name: "client/app-2.example.edu-3", kind: "client" },
      [
        "the certificate of the client app-2.example.edu (generation 3) expires on 2026-12-02: an `up` renews it from 2026-11-25 on, so see that one runs between these days; then hand over the new one",
      ],
    ],
    [
      "is given of Kapow!'s",
      { name: "kapow" },
      [
        "the certificate of Kapow! expires on 2026-12-02: an `up` renews it from 2026-11-25 on, so see that one runs between these days",
      ],
    ],
    [
      "is given of a supplied one a month before, since nothing renews it",
      {
        source: "supplied",
        notAfter: inDays(29.9),
        lifetimeDays: 365,
        renewBeforeDays: undefined as never,
      },
      [
        "the certificate of the proxy expires on 2026-12-22: have it renewed by its authority, and put the new one into cybexp:certificates.supplied",
      ],
    ],
    [
      "isn't given of one that a container renews, before that is overdue",
      { source: "acme", notAfter: inDays(23), lifetimeDays: 90 },
      [],
    ],
    [
      "is given of one that a container should have renewed",
      { source: "acme", notAfter: inDays(1.4), lifetimeDays: 6, renewBeforeDays: 0 },
      [
        "the certificate of the proxy expires on 2026-11-23: it should have been renewed by now: `npm run doctor` says why it was not",
      ],
    ],
    ["isn't given of an authority, of which is told long before", { kind: "authority" }, []],
    ["isn't given of an authority's list either", { kind: "crl" }, []],
  ];
  for (const [what, changes, expected, warnDays] of cases) {
    it(what, () => assert.deepEqual(told(changes, warnDays), expected));
  }

  it("of a cross certificate, which nothing renews, says what ends the overlap", () => {
    const cross: KnownEnd = {
      name: "server-ca-cross-2",
      kind: "cross",
      source: "generated",
      notAfter: inDays(10),
      lifetimeDays: 3650,
    };
    assert.deepEqual(warningsOf([cross], { warnDays: 21, now: NOW }), [
      "the certificate server-ca-cross-2 expires on 2026-12-02: give all clients the output serverCa, and retire the authority before (cybexp:rotation.serverCaRetired)",
    ]);
    assert.deepEqual(warningsOf([{ ...cross, notAfter: inDays(-2) }], { warnDays: 0, now: NOW }), [
      "the certificate server-ca-cross-2 expired on 2026-11-20: give all clients the output serverCa, and retire the authority before (cybexp:rotation.serverCaRetired)",
    ]);
  });
});

describe("a sentence for who looks at a stack", () => {
  const told = (changes: Partial<KnownEnd>) => sentenceOf({ ...PROXY, ...changes }, NOW);

  it("says of what an `up` renews that it does", () => {
    assert.equal(
      told({ notAfter: inDays(-1) }),
      "the certificate of the proxy expired on 2026-11-21: an `up` renews it",
    );
    assert.equal(
      told({ kind: "authority", name: "server-ca-1", renewBeforeDays: 10 }),
      "the authority server-ca-1 expires on 2026-12-02: an `up` renews it",
    );
    assert.equal(
      told({ kind: "internal", name: "kapow-health", renewBeforeDays: 10 }),
      "the certificate kapow-health expires on 2026-12-02: an `up` renews it",
    );
  });

  it("names a list by its authority, with which it is renewed", () => {
    assert.equal(
      told({ kind: "crl", name: "client-ca-1-crl" }),
      "the revocation list of client-ca-1 expires on 2026-12-02: an `up` that renews client-ca-1 makes a new one",
    );
  });
});

describe("the name of a certificate", () => {
  const cases: [type: string, resource: string, ReturnType<typeof certificateNamed>][] = [
    [LEAF, "server-certificate", { name: "proxy", kind: "server" }],
    [LEAF, "kapow-certificate", { name: "kapow", kind: "server" }],
    [LEAF, "client-ann-2", { name: "client/ann-2", kind: "client" }],
    [LEAF, "client-ann-2-1", { name: "client/ann-2-1", kind: "client" }],
    [LEAF, "client-ca-1", { name: "client/ca-1", kind: "client" }],
    [SELF, "client-ca-1", { name: "client-ca-1", kind: "authority" }],
    [SELF, "server-ca-12", { name: "server-ca-12", kind: "authority" }],
    [SELF, "client-ext-1-clock", { name: "client/ext-1", kind: "client" }],
    [SELF, "kapow-health", { name: "kapow-health", kind: "internal" }],
    [LEAF, "server-ca-cross-2", { name: "server-ca-cross-2", kind: "cross" }],
    [LEAF, "something", undefined],
    ["tls:index/privateKey:PrivateKey", "server-certificate", undefined],
  ];
  for (const [type, resource, named] of cases) {
    it(`of ${type} ${resource} is ${named?.name ?? "none"}`, () => {
      assert.deepEqual(certificateNamed(type, resource), named);
    });
  }
});
