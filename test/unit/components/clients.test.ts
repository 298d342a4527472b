/** Clients' certificates: what is made, kept and refused, on a stand-in for the engine that has a state. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import * as pulumi from "@pulumi/pulumi";
import {
  CERT_REQUEST as REQUEST,
  LOCALLY_SIGNED_CERT as SIGNED,
  PRIVATE_KEY as KEY,
  SELF_SIGNED_CERT as SELF_SIGNED,
} from "../../../names/types.ts";
import { OWN_ORGANIZATION } from "../../../names/own.ts";
import { clientSerial, clientSubject } from "../../../render/clientName.ts";
import { publicKeyOf } from "../../../settings/certificateRequest.ts";
import type { ClientSettings } from "../../../settings/types.ts";
import {
  build,
  COMMAND,
  type Memory,
  names,
  once,
  datedOf,
  pemOf,
  run,
  the,
  valueOf,
  type World,
} from "./mocks.ts";
import { authority, client, clientList, CSR } from "./parts.ts";

const OTHER_CSR = readFileSync("test/unit/fixtures/client-rsa.csr", "utf8");

const make = (
  clients: readonly ClientSettings[],
  world: World = {},
  changes: Parameters<typeof authority>[1] = {},
) => build(() => clientList(clients, authority("ca", { vouched: false, ...changes })), world);

const publicKey = (resource: string) => pemOf("PUBLIC KEY", `${resource}-key`);

const own = ({ resources }: Awaited<ReturnType<typeof make>>, name: string) =>
  resources.filter(({ parent }) => parent === name);

describe("a client's certificate", () => {
  const usual = once(() => make([client("ann")]));

  it("is a key, and a certificate by the authority for its name, generation and key", async () => {
    const serialNumber = clientSerial({ generation: 1, publicKey: publicKey("client-ann-1") });
    assert.match(serialNumber, /^1-[0-9a-f]{32}$/);
    assert.deepEqual(own(await usual(), "client-ann-1"), [
      {
        type: REQUEST,
        name: "client-ann-1-request",
        parent: "client-ann-1",
        inputs: {
          privateKeyPem: pemOf("EC PRIVATE KEY", "client-ann-1-key"),
          subject: { commonName: "ann", organization: "CYBEX-P", serialNumber },
        },
        secrets: ["privateKeyPem"],
        options: {},
      },
      {
        type: SIGNED,
        name: "client-ann-1",
        parent: "client-ann-1",
        inputs: {
          certRequestPem: pemOf("CERTIFICATE REQUEST", "client-ann-1-request"),
          caPrivateKeyPem: pemOf("EC PRIVATE KEY", "ca-1-key"),
          caCertPem: pemOf("CERTIFICATE", "ca-1"),
          validityPeriodHours: 144,
          earlyRenewalHours: 48,
          setSubjectKeyId: true,
          allowedUses: ["digital_signature", "client_auth"],
        },
        secrets: ["caPrivateKeyPem"],
        options: {},
      },
      {
        type: KEY,
        name: "client-ann-1-key",
        parent: "client-ann-1",
        inputs: { algorithm: "ECDSA", ecdsaCurve: "P256" },
        secrets: [],
        options: {},
      },
    ]);
  });

  it("has an RSA key if the config asks for one", async () => {
    const built = await make([client("ann", { keyType: "rsa" })]);
    assert.deepEqual(the(built, KEY, "client-ann-1-key").inputs, {
      algorithm: "RSA",
      rsaBits: 3072,
    });
  });

  it("also names a host, if its name is one", async () => {
    const built = await make([client("app.example.edu"), client("ann"), client("ann@example.edu")]);
    const hosts = ["app.example.edu", "ann", "ann@example.edu"].map(
      (name) => the(built, REQUEST, `client-${name}-1-request`).inputs["dnsNames"],
    );
    assert.deepEqual(hosts, [["app.example.edu"], undefined, undefined]);
  });

  it("is handed out with its key, as a secret, in the state as well", async () => {
    const { result, outputs } = await usual();
    const credentials = {
      ann: {
        certificate: datedOf("client-ann-1", "ca-1-key"),
        privateKey: pemOf("EC PRIVATE KEY", "client-ann-1-key"),
      },
    };
    assert.deepEqual(await valueOf(result.credentials), credentials);
    assert.equal(await pulumi.isSecret(result.credentials), true);
    assert.deepEqual(outputs.get("cybexp:index:ClientList client"), {
      values: { credentials },
      secrets: ["credentials"],
    });
  });

  it("is known to the proxy with its authority and revocation list", async () => {
    const { result } = await usual();
    assert.deepEqual(await valueOf(result.check), {
      authorities: datedOf("ca-1", "ca-1-key"),
      revocations: pemOf("X509 CRL", "client-revocations"),
      listed: [
        {
          name: "ann",
          subject: clientSubject({
            name: "ann",
            generation: 1,
            publicKey: publicKey("client-ann-1"),
            organization: OWN_ORGANIZATION,
          }),
          revoked: false,
        },
      ],
    });
  });
});

describe("a request made elsewhere", () => {
  const usual = once(() => make([client("app", { csr: CSR })]));
  const subject = (generation: number) =>
    clientSubject({
      name: "app",
      generation,
      publicKey: publicKeyOf(CSR),
      organization: OWN_ORGANIZATION,
    });

  it("is signed under our name by a program, again when its clock is renewed", async () => {
    const { inputs, secrets, options } = the(await usual(), COMMAND, "client-app-1");
    assert.deepEqual(inputs, {
      ...run("sign-request"),
      environment: { SUBJECT: subject(1), SINCE: "time of first" },
      stdin: {
        authority: {
          certificate: pemOf("CERTIFICATE", "ca-1"),
          privateKey: pemOf("EC PRIVATE KEY", "ca-1-key"),
        },
        name: "app",
        organization: "CYBEX-P",
        serial: clientSerial({ generation: 1, publicKey: publicKeyOf(CSR) }),
        publicKey: publicKeyOf(CSR),
        validityDays: 6,
      },
    });
    assert.deepEqual(secrets, ["stdin"]);
    assert.deepEqual(options, {});
    const clock = the(await usual(), SELF_SIGNED, "client-app-1-clock").inputs;
    assert.deepEqual(
      [clock["validityPeriodHours"], clock["earlyRenewalHours"], clock["isCaCertificate"]],
      [144, 48, undefined],
    );
  });

  it("gives a certificate and no key", async () => {
    const { result } = await usual();
    assert.deepEqual(await valueOf(result.credentials), {
      app: { certificate: pemOf("CERTIFICATE", "client-app-1") },
    });
    assert.deepEqual(
      (await valueOf(result.check)).listed.map((one) => one.subject),
      [subject(1)],
    );
  });

  it("stays the same in an overlap with another", async () => {
    const memory: Memory = new Map();
    const one = await make([client("app", { csr: CSR })], { memory });
    const [first] = (await valueOf(one.result.check)).listed;
    const signed = memory.get(`${COMMAND} client-app-1`)?.made.state["stdout"];
    const other = { csr: OTHER_CSR, generation: 2 };
    const two = await make([client("app", other)], { memory });
    const { listed } = await valueOf(two.result.check);
    assert.deepEqual(listed, [
      {
        name: "app",
        subject: clientSubject({
          name: "app",
          generation: 2,
          publicKey: publicKeyOf(OTHER_CSR),
          organization: OWN_ORGANIZATION,
        }),
        revoked: false,
      },
      first,
    ]);
    assert.equal(memory.get(`${COMMAND} client-app-1`)?.made.state["stdout"], signed);
  });
});

describe("the generation of a client", () => {
  it("keeps the previous certificate valid, with its own key, until it is retired", async () => {
    const memory: Memory = new Map();
    const listedOf = async (changes: Partial<ClientSettings>) => {
      const { result } = await make([client("ann", changes)], { memory });
      return (await valueOf(result.check)).listed.map(({ subject }) => subject);
    };
    const [first = ""] = await listedOf({});
    const both = await listedOf({ generation: 2, keyType: "rsa" });
    assert.equal(both.length, 2);
    assert.equal(both[1], first);
    assert.match(both[0] ?? "", /^serialNumber=2-/);
    const made = memory.get(`${KEY} client-ann-1-key`);
    assert.deepEqual(made?.inputs, { algorithm: "ECDSA", ecdsaCurve: "P256" });
    assert.deepEqual(await listedOf({ generation: 2, keyType: "rsa", retired: 1 }), [both[0]]);
    assert.equal(memory.has(`${KEY} client-ann-1-key`), false);
  });

  it("has another subject with another key, even if the name was used before", async () => {
    const memory: Memory = new Map();
    const [first] = (await valueOf((await make([client("ann")], { memory })).result.check)).listed;
    await make([], { memory });
    const [again] = (await valueOf((await make([client("ann")], { memory })).result.check)).listed;
    assert.notEqual(again?.subject, first?.subject);
  });
});

describe("a client that is revoked", () => {
  const clients = [
    client("ann"),
    client("rob", { revoked: true, generation: 2 }),
    client("app", { revoked: true, csr: CSR }),
  ];
  const usual = once(() => make(clients));

  it("is on the revocation lists with all its certificates, and is no longer handed out", async () => {
    const built = await usual();
    const { inputs, secrets } = the(built, COMMAND, "client-revocations");
    assert.deepEqual(inputs, {
      ...run("crl"),
      addPreviousOutputInEnv: true,
      logging: "stderr",
      environment: {},
      stdin: {
        authorities: [
          {
            certificate: datedOf("ca-1", "ca-1-key"),
            privateKey: pemOf("EC PRIVATE KEY", "ca-1-key"),
          },
        ],
        revoked: [
          datedOf("client-rob-2", "ca-1-key"),
          datedOf("client-rob-1", "ca-1-key"),
          // The program that signs a request dates it itself.
          pemOf("CERTIFICATE", "client-app-1"),
        ],
      },
    });
    assert.deepEqual(secrets, ["stdin"]);
    assert.deepEqual(Object.keys(await valueOf(built.result.credentials)), ["ann"]);
    assert.deepEqual(
      (await valueOf(built.result.check)).listed.map(({ name, revoked }) => [name, revoked]),
      [
        ["ann", false],
        ["rob", true],
        ["rob", true],
        ["app", true],
      ],
    );
  });

  it("keeps its certificates, so that only the revocation lists change", async () => {
    const memory: Memory = new Map();
    const good = clients.map((one) => ({ ...one, revoked: false }));
    const before = await make(good, { memory });
    const made = new Map([...memory].map(([name, { made }]) => [name, made]));
    const after = await make(clients, { memory });
    assert.deepEqual(names(after.resources), names(before.resources));
    assert.deepEqual(
      [...memory].filter(([name, entry]) => made.get(name) !== entry.made).map(([name]) => name),
      [`${COMMAND} client-revocations`],
    );
  });
});

describe("the client authority's number", () => {
  it("signs the same keys and names again, trusts both authorities, and makes a list for each", async () => {
    const memory: Memory = new Map();
    const before = await make([client("ann")], { memory });
    const after = await make([client("ann")], { memory }, { generation: 2, overlap: true });
    const [old, now] = [await valueOf(before.result.check), await valueOf(after.result.check)];
    assert.deepEqual(now.listed, old.listed);
    assert.ok(now.authorities.endsWith(old.authorities) && now.authorities !== old.authorities);
    const { stdin } = the(after, COMMAND, "client-revocations").inputs as {
      stdin: { authorities: { certificate: string }[] };
    };
    assert.equal(stdin.authorities.map(({ certificate }) => certificate).join(""), now.authorities);
    assert.notDeepEqual(
      await valueOf(after.result.credentials),
      await valueOf(before.result.credentials),
    );
    // All verifiers get the bundle: nothing would use a cross certificate.
    assert.deepEqual(
      names(after.resources).filter((name) => name.includes("cross")),
      [],
    );
  });

  it("refuses the certificates of the previous one once it is retired", async () => {
    const built = await make([client("ann")], {}, { generation: 2 });
    const { authorities } = await valueOf(built.result.check);
    assert.equal(authorities, datedOf("ca-2", "ca-2-key"));
  });
});
