/** What is said of a stack that was changed by hand. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { COMMAND, CONTAINER, NETWORK, VOLUME } from "../../names/types.ts";
import { findings, type RefreshStep } from "../../stack/driftFindings.ts";

const urn = (type: string, name: string) =>
  `urn:pulumi:dev::cybexp::cybexp:index:Kms$cybexp:docker:Container$${type}::${name}`;

const gone = (type: string, name: string, id = name): RefreshStep => ({
  op: "delete",
  urn: urn(type, name),
  oldState: { id, outputs: { mustRun: true } },
});
const changed = (
  type: string,
  before: Record<string, unknown>,
  now: Record<string, unknown>,
): RefreshStep => ({
  op: "update",
  urn: urn(type, "proxy"),
  diffReasons: Object.keys(before),
  oldState: { outputs: before },
  newState: { outputs: now },
});

const cases: [what: string, step: RefreshStep, ...sentence: string[]][] = [
  [
    "a container that is gone",
    gone(CONTAINER, "kms"),
    "container kms is gone: `npm run up` creates it again",
  ],
  [
    "a network that is gone",
    gone(NETWORK, "kms-network"),
    "network kms-network is gone: `npm run up` creates it again",
  ],
  [
    "a volume that is gone: `up` can't bring records back",
    gone(VOLUME, "kms-db-data"),
    "volume kms-db-data is gone: `npm run up` creates a new one with the files that it delivers; only a backup brings records and keys back",
  ],
  [
    "a container that is stopped, whose ports are none of its own fault",
    changed(CONTAINER, { mustRun: true, ports: [{}] }, { mustRun: false, ports: [] }),
    "container proxy is stopped: `npm run up` starts it",
  ],
  [
    "numbers and switches, by value",
    changed(CONTAINER, { memory: 512, init: false }, { memory: 300, init: true }),
    "container proxy was changed (memory is 300, was 512; init is true, was false): `npm run up` puts it back",
  ],
  [
    "what may be a secret, by name only",
    changed(CONTAINER, { envs: ["A=secret"], user: "a" }, { envs: ["A=other"], user: "b" }),
    "container proxy was changed (envs; user): `npm run up` puts it back",
  ],
  ["a thing as it was", { op: "refresh", urn: urn(CONTAINER, "kms"), diffReasons: null }],
  [
    "a certificate that came into its window: nobody's hand",
    changed(
      "tls:index/selfSignedCert:SelfSignedCert",
      { readyForRenewal: false },
      { readyForRenewal: true },
    ),
  ],
];

describe("drift", () => {
  for (const [what, step, ...sentences] of cases) {
    it(`tells of ${what}${sentences.length === 0 ? ": nothing" : ""}`, () => {
      assert.deepEqual(findings([step], []), sentences);
    });
  }

  it("reports what Pulumi can't see, and what it does see only once", () => {
    const byHand = [
      { urn: urn(COMMAND, "kms-config-delivery"), why: "the volume cybexp-dev-kms-config is gone" },
      { urn: urn(COMMAND, "proxy-delivery"), why: "its files are gone from cybexp-dev-proxy" },
      { urn: urn(CONTAINER, "kms-db"), why: "it is paused" },
    ];
    assert.deepEqual(
      findings([gone(VOLUME, "kms-config", "cybexp-dev-kms-config")], byHand).slice(1),
      [
        "command proxy-delivery: its files are gone from cybexp-dev-proxy; `npm run up` creates it again",
        "container kms-db: it is paused; `npm run up` creates it again",
      ],
    );
  });

  it("leaves out missing volumes, which are reported elsewhere", () => {
    const volume = "cybexp-dev-kms-secrets";
    const byHand = [
      { urn: urn(COMMAND, "kms-secrets-owner"), why: `the volume ${volume} is gone` },
    ];
    const steps = [gone(VOLUME, "kms-secrets", volume), gone(CONTAINER, "kms")];
    assert.deepEqual(findings(steps, byHand, [volume]), [
      "container kms is gone: `npm run up` creates it again",
    ]);
  });
});
