/** What the doctor says of the ends of certificates. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type CertificateFacts, certificateFindings } from "../../cli/doctor/certificates.ts";
import { LOCALLY_SIGNED_CERT as LEAF, SELF_SIGNED_CERT as CA, STACK } from "../../names/types.ts";
import type { Served } from "../../programs/smoke/served.ts";
import { type CertificateEnd, spelled } from "../../render/certificateEnds.ts";
import type { ClientSettings } from "../../settings/types.ts";
import { endNotes, endsIn } from "../../stack/certificateEnds.ts";
import type { ExportedResource } from "../../stack/state.ts";

const NOW = new Date("2026-11-22T12:00:00Z");
const inDays = (days: number) => spelled(new Date(NOW.getTime() + days * 86_400_000));

const certificate = (
  type: string,
  name: string,
  days: number,
  window = 7,
  lifetime = 90,
): ExportedResource => ({
  urn: `urn:pulumi:dev::cybexp::${type}::${name}`,
  type,
  outputs: {
    validityStartTime: inDays(days - lifetime),
    validityEndTime: inDays(days),
    earlyRenewalHours: window * 24,
  },
});

const stack = (certificates: Record<string, Omit<CertificateEnd, "name">>): ExportedResource => ({
  urn: `urn:pulumi:dev::cybexp::${STACK}::cybexp-dev`,
  type: STACK,
  outputs: { kmsUrl: "https://localhost:5002", certificates },
});

const client = (name: string, changes: Partial<ClientSettings> = {}): ClientSettings => ({
  name,
  generation: 2,
  retired: 0,
  revoked: false,
  keyType: "ecdsa",
  ...changes,
});

const facts = (
  resources: readonly ExportedResource[],
  more: Partial<CertificateFacts> & { clients?: readonly ClientSettings[] } = {},
): CertificateFacts => {
  const { clients = [], ...changes } = more;
  return {
    ends: endsIn(resources, clients),
    notes: endNotes(resources, clients, NOW),
    served: [],
    warnDays: 21,
    now: NOW,
    ...changes,
  };
};

const told = (...args: Parameters<typeof facts>) =>
  certificateFindings(facts(...args)).map(({ level, about, text }) => {
    assert.equal(about, "certificates");
    return `${level}: ${text}`;
  });

const shown = (days: number, lifetimeDays = 90): Served => ({
  name: "proxy",
  listener: "cybexp.example.edu:5002",
  notAfter: inDays(days),
  lifetimeDays,
});

describe("what the state knows of ends", () => {
  it("is each certificate that is good, with its window and life", () => {
    const resources = [
      certificate(LEAF, "server-certificate", 50),
      certificate(CA, "server-ca-1", 3000, 365, 3650),
      certificate(LEAF, "server-ca-cross-2", 3000, 0, 3650),
      ...[1, 2, 3].map((number) => certificate(LEAF, `client-ann-${number}`, 50)),
      certificate(LEAF, "client-rob-2", 50),
      certificate(LEAF, "client-bob-1", 50),
      certificate(LEAF, "client-bob-2", 50),
      { urn: "urn::proxy-release", type: "docker:index/volume:Volume", outputs: {} },
      { urn: "urn::server-certificate", type: LEAF },
    ];
    const clients = [
      client("ann"),
      client("rob", { revoked: true }),
      client("bob", { retired: 1 }),
    ];
    const ends = endsIn(resources, clients);
    assert.deepEqual(
      ends.map(({ name }) => name),
      ["proxy", "server-ca-1", "server-ca-cross-2", "client/ann-1", "client/ann-2", "client/bob-2"],
    );
    assert.deepEqual(ends[0], {
      name: "proxy",
      kind: "server",
      source: "generated",
      notAfter: inDays(50),
      lifetimeDays: 90,
      renewBeforeDays: 7,
    });
    assert.equal("renewBeforeDays" in (ends[2] ?? {}), false);
  });

  it("is of lists what the last `up` put out, and of the rest what the resources say", () => {
    const resources = [
      certificate(CA, "client-ca-1", 3000, 365, 3650),
      certificate(LEAF, "server-certificate", 50),
      stack({
        proxy: { kind: "server", source: "generated", notAfter: inDays(1) },
        "client-ca-1-crl": { kind: "crl", source: "generated", notAfter: inDays(2999) },
        "client/gone-1": { kind: "client", source: "generated", notAfter: inDays(1) },
      }),
    ];
    assert.deepEqual(
      endsIn(resources, []).map(({ name, kind, notAfter }) => [name, kind, notAfter]),
      [
        ["client-ca-1", "authority", inDays(3000)],
        ["proxy", "server", inDays(50)],
        ["client-ca-1-crl", "crl", inDays(2999)],
      ],
    );
  });

  it("is nothing that is only known where it is served", () => {
    assert.deepEqual(endsIn([stack({ "x-crl": { kind: "crl", source: "generated" } })], []), []);
  });
});

describe("the doctor", () => {
  it("is content while none expires soon, and says which is the first", () => {
    assert.deepEqual(told([]), ["good: none expires soon"]);
    const resources = [
      certificate(CA, "server-ca-1", 3000, 365, 3650),
      certificate(LEAF, "server-certificate", 50),
    ];
    assert.deepEqual(told(resources, { served: [shown(50)] }), [
      "good: none expires soon; the first is proxy, on 2027-01-11",
    ]);
  });

  it("notes what ends soon, also what the next `up` renews: nobody may have run one", () => {
    assert.deepEqual(told([certificate(LEAF, "server-certificate", 20)]), [
      "note: the certificate of the proxy expires on 2026-12-12: an `up` renews it from 2026-12-05 on, so see that one runs between these days",
    ]);
    assert.deepEqual(told([certificate(LEAF, "server-certificate", 6)]), [
      "note: the certificate of the proxy expires on 2026-11-28: an `up` renews it",
    ]);
  });

  it("calls what has ended a fault, once, though it is served", () => {
    assert.deepEqual(
      told([certificate(LEAF, "server-certificate", -1)], { served: [shown(-1), shown(-1)] }),
      ["fault: the certificate of the proxy expired on 2026-11-21: an `up` renews it"],
    );
  });

  it("reports what is served when the stack has another one", () => {
    const resources = [certificate(LEAF, "server-certificate", 50)];
    assert.deepEqual(told(resources, { served: [shown(5)] }), [
      "note: cybexp.example.edu:5002 shows a certificate that expires on 2026-11-27: the stack has one until 2027-01-11, and `npm run up` brings it",
    ]);
    assert.deepEqual(told(resources, { served: [shown(-5)] }), [
      "fault: cybexp.example.edu:5002 shows a certificate that expired on 2026-11-17: the stack has one until 2027-01-11, and `npm run up` brings it",
    ]);
    assert.deepEqual(told([], { served: [shown(-5)] }), [
      "fault: cybexp.example.edu:5002 shows a certificate that expired on 2026-11-17: `npm run up` brings the stack's own",
    ]);
  });

  it("says the usual sentences of clients and authorities, and not twice", () => {
    const resources = [
      certificate(LEAF, "client-ann-2", 6),
      certificate(CA, "client-ca-1", 5, 10, 100),
      stack({ "client-ca-1-crl": { kind: "crl", source: "generated", notAfter: inDays(5) } }),
    ];
    assert.deepEqual(told(resources, { clients: [client("ann")] }), [
      "note: the certificate of the client ann expires on 2026-11-28: `npm run up` renews it; then hand over the new one (`npm run client -- ann`)",
      "note: the client CA expires on 2026-11-27, and the revocation list with it: from then on no client certificate is good; `npm run up` renews it, from 2026-11-17 on",
    ]);
  });

  it("reports a list that ends before its authority", () => {
    const resources = [
      certificate(CA, "client-ca-1", 3000, 365, 3650),
      stack({ "client-ca-1-crl": { kind: "crl", source: "generated", notAfter: inDays(-2) } }),
    ];
    assert.deepEqual(told(resources), [
      "fault: the revocation list of client-ca-1 expired on 2026-11-20: an `up` renews it",
    ]);
  });
});
