/** What is said of certificates that end soon. */
import assert from "node:assert/strict";
import { describe, it, mock } from "node:test";
import { LOCALLY_SIGNED_CERT as LEAF, SELF_SIGNED_CERT as CA } from "../../names/types.ts";
import type { ClientSettings } from "../../settings/types.ts";
import { announceEnds, dueForRenewal, endingSoon } from "../../stack/certificateEnds.ts";
import { type ExportedResource, interpretState } from "../../stack/state.ts";

const NOW = new Date("2026-11-22T12:00:00Z");

/** A certificate so many days before its end, that an `up` renews 30 days before. */
const certificate = (type: string, name: string, days: number): ExportedResource => ({
  urn: `urn:pulumi:dev::cybexp::cybexp:index:ClientList$${type}::${name}`,
  type,
  outputs: {
    validityEndTime: new Date(NOW.getTime() + days * 86_400_000).toISOString(),
    earlyRenewalHours: 30 * 24,
  },
});

const client = (name: string, generation: number, revoked = false): ClientSettings => ({
  name,
  generation,
  retired: 0,
  revoked,
  keyType: "ecdsa",
});
const CLIENTS = [
  client("ann", 12),
  client("bob", 1),
  client("app-2.example.edu", 3),
  client("ext", 1),
  client("ca", 1),
  client("rob", 1, true),
];

const cases: [string, ExportedResource, string[]][] = [
  ["a client's", certificate(LEAF, "client-ann-12", 31), []],
  ["a client's that has a newer one", certificate(LEAF, "client-ann-11", 1), []],
  ["a revoked client's", certificate(LEAF, "client-rob-1", 1), []],
  [
    "a client's that is renewed now",
    certificate(LEAF, "client-ann-12", 29),
    [
      "the certificate of the client ann ends on 2026-12-21: `npm run up` renews it; then hand over the new one (`npm run client -- ann`)",
    ],
  ],
  [
    "a client's whose name has numbers",
    certificate(LEAF, "client-app-2.example.edu-3", -1),
    [
      "the certificate of the client app-2.example.edu ended on 2026-11-21: `npm run up` renews it; then hand over the new one (`npm run client -- app-2.example.edu`)",
    ],
  ],
  [
    "a client's who is called like an authority",
    certificate(LEAF, "client-ca-1", 29),
    [
      "the certificate of the client ca ends on 2026-12-21: `npm run up` renews it; then hand over the new one (`npm run client -- ca`)",
    ],
  ],
  [
    "a request's, by its clock",
    certificate(CA, "client-ext-1-clock", 10),
    [
      "the certificate of the client ext ends on 2026-12-02: `npm run up` renews it; then hand over the new one (`npm run client -- ext`)",
    ],
  ],
  ["the client CA's", certificate(CA, "client-ca-1", 61), []],
  [
    "the client CA's, long before it is renewed",
    certificate(CA, "client-ca-2", 59),
    [
      "the client CA ends on 2027-01-20, and the revocation list with it: from then on no client certificate is good; `npm run up` renews it, from 2026-12-21 on",
    ],
  ],
  [
    "the server CA's that has ended",
    certificate(CA, "server-ca-1", -3),
    [
      "the server CA ended on 2026-11-19, from then on no client trusts the proxy; `npm run up` renews it, from 2026-10-20 on",
    ],
  ],
  [
    "the proxy's own, which nobody has to hand over",
    certificate(LEAF, "server-certificate", 1),
    [],
  ],
  ["another resource's", certificate("random:index/randomId:RandomId", "client-ann-1", 1), []],
  ["one that isn't there yet", { urn: "urn::client-ann-1", type: LEAF, outputs: {} }, []],
  ["one without outputs", { urn: "urn::client-ann-1", type: LEAF }, []],
];

describe("the end of a certificate", () => {
  for (const [what, resource, expected] of cases) {
    it(`is ${expected.length > 0 ? "told" : "no news"}: ${what}`, () => {
      assert.deepEqual(endingSoon([resource], CLIENTS, NOW), expected);
    });
  }

  it("is reported on standard error", () => {
    const written: string[] = [];
    const write = mock.method(process.stderr, "write", (text: string) => written.push(text) > 0);
    const resources = [
      certificate(LEAF, "client-ann-12", 1),
      certificate(LEAF, "client-bob-1", 99),
    ];
    announceEnds(interpretState({ deployment: { resources } }), { clients: CLIENTS }, NOW);
    write.mock.restore();
    assert.deepEqual(written, [
      "note: the certificate of the client ann ends on 2026-11-23: `npm run up` renews it; then hand over the new one (`npm run client -- ann`)\n",
    ]);
  });
});

describe("what the next `up` renews", () => {
  const due = (resource: ExportedResource) => dueForRenewal([resource], NOW);
  const sentence = (name: string, day: string) =>
    `the certificate ${name} ends on ${day}: \`npm run up\` renews it`;

  it("is what has come into its window, from the first moment", () => {
    assert.deepEqual(due(certificate(LEAF, "server-certificate", 30)), [
      sentence("server-certificate", "2026-12-22"),
    ]);
    assert.deepEqual(due(certificate(LEAF, "server-certificate", 30.001)), []);
  });

  it("is what has ended", () => {
    assert.deepEqual(due(certificate(CA, "client-ca-1", -3)), [
      sentence("client-ca-1", "2026-11-19"),
    ]);
  });

  it("is nothing without a window or an end, and nothing but certificates", () => {
    const ended = certificate(LEAF, "server-certificate", -3);
    assert.deepEqual(due({ ...ended, outputs: { ...ended.outputs, earlyRenewalHours: 0 } }), []);
    assert.deepEqual(due({ ...ended, outputs: {} }), []);
    assert.deepEqual(due({ urn: "urn::x", type: LEAF }), []);
    assert.deepEqual(due(certificate("random:index/randomId:RandomId", "x", 1)), []);
  });
});
