/**
 * Builds components against a stand-in for Pulumi's engine, and records all that was sent to it. The
 * SDK's own mocks see a resource's inputs only; what the engine is told beside them (which of them
 * are secrets, whether the resource is protected, what replaces it) is read from the request itself.
 */
import assert from "node:assert/strict";
import { createECDH, createHash, createPrivateKey, createPublicKey } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { COMMAND } from "../../../names/types.ts";
import { commandOf, type ProgramName, programOf } from "../../../names/programs.ts";
import { backdated } from "../../../render/backdate.ts";
import { Deployment, type DeploymentArgs } from "../../../components/deployment.ts";
import type { EngineSize } from "../../../settings/limits.ts";

/** One resource as the engine was told of it. */
export interface Registered {
  readonly type: string;
  readonly name: string;
  /** The name of the component that it is a part of; undefined at the top. */
  readonly parent: string | undefined;
  /** Secrets are unwrapped; a program's standard input is parsed. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Inputs that are, or have in them, a secret. */
  readonly secrets: readonly string[];
  /** Only what was asked for. */
  readonly options: Options;
}

export interface Options {
  readonly protect?: true;
  readonly retainOnDelete?: true;
  readonly deleteBeforeReplace?: true;
  readonly replaceOnChanges?: readonly string[];
  readonly replacementTrigger?: unknown;
  readonly ignoreChanges?: readonly string[];
  /** The name of the provider that the program made for it. */
  readonly provider?: string | undefined;
}

/** What a component hands to the state as its outputs. */
export interface ComponentOutputs {
  readonly values: Readonly<Record<string, unknown>>;
  readonly secrets: readonly string[];
}

/** What the providers answer with. */
export interface World {
  /** Random values and certificates are made from it: another one gives others. @default "first" */
  readonly seed?: string;
  /** What `nginx -V` prints in the proxy's image. */
  readonly nginx?: string;
  /** What the look at the kept volumes finds. @default nothing */
  readonly found?: { readonly refused: readonly string[]; readonly idle: readonly string[] };
  /** Whether it is a preview of a stack that is not there yet: ids and outputs are unknown. */
  readonly preview?: boolean;
  /** The state that earlier builds with it left: what stays the same keeps what was made for it. */
  readonly memory?: Memory;
}

/** By type and name. */
export type Memory = Map<string, { readonly basis: string; inputs: Inputs; made: Made }>;
type Inputs = Record<string, unknown>;
type Made = ReturnType<typeof provider>;

export interface Build<T> {
  readonly result: T;
  /** In the order of type and name. */
  readonly resources: readonly Registered[];
  /** By type and name: the type and name of all that must be there first. */
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  /** Names of images that were looked up. */
  readonly lookups: readonly string[];
  /** The programs that were run at once, and what they were told. */
  readonly looks: readonly { readonly program: string; readonly input: Inputs }[];
  /** By the component's type and name. */
  readonly outputs: ReadonlyMap<string, ComponentOutputs>;
}

// Whatever the developer's own engine is.
for (const name of ["DOCKER_HOST", "DOCKER_CONTEXT"]) {
  Reflect.deleteProperty(process.env, name);
}

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** What is read of the SDK's request; its declarations of it are incomplete. */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getDeletebeforereplace(): boolean;
  getReplaceonchangesList(): string[];
  getDependenciesList(): string[];
  getReplacementTrigger(): { toJavaScript(): unknown } | undefined;
  getIgnorechangesList(): string[];
  getProvider(): string;
  getAdditionalsecretoutputsList(): string[];
}

interface OutputsRequest {
  getUrn(): string;
  getOutputs(): { toJavaScript(): Record<string, unknown> };
}

interface Monitor {
  registerResource(request: Request, callback: (...args: unknown[]) => void): Promise<void>;
  registerResourceOutputs(request: OutputsRequest, callback: (...args: unknown[]) => void): void;
}

/** Runs a program and waits until the engine has had, and answered, all of it. */
export async function build<T>(
  program: () => T | Promise<T>,
  world: World = {},
): Promise<Build<T>> {
  const resources: Registered[] = [];
  const lookups: string[] = [];
  const looks: { program: string; input: Inputs }[] = [];
  const outputs = new Map<string, ComponentOutputs>();
  const dependencies = new Map<string, readonly string[]>();
  const known: Memory = new Map(world.memory);
  world.memory?.clear();
  let request: Request | undefined;
  let open = 0;

  await pulumi.runtime.setMocks(
    {
      newResource: ({ type, name, inputs }) => {
        assert.ok(request !== undefined && request.getName() === name);
        if (world.preview) {
          // An id that is not known yet is an empty one.
          return { id: "", state: inputs as Record<string, unknown> };
        }
        const { inputs: kept, made } = world.memory
          ? remembered(known, world.memory, request, inputs as Inputs)
          : { inputs: inputs as Inputs, made: provider(type, name, inputs as Inputs, world) };
        const secret = new Set(request.getAdditionalsecretoutputsList());
        const isSecretCommand = type === COMMAND && resources.at(-1)?.secrets.length !== 0;
        const state = Object.entries({ ...kept, ...made.state }).map(([key, value]) => [
          key,
          // Each output of a command depends on each of its inputs.
          secret.has(key) || (isSecretCommand && /^std(out|err)$/.test(key))
            ? pulumi.secret(value)
            : value,
        ]);
        return { id: made.id, state: Object.fromEntries(state) as Record<string, unknown> };
      },
      call: ({ token, inputs }) => {
        if (token === "command:local:run") {
          const { command, stdin } = inputs as { command: string; stdin: string };
          const program = programIn({ create: command });
          looks.push({ program, input: JSON.parse(stdin) as Inputs });
          if (program === "database-step") {
            return { stdout: "", stderr: "" };
          }
          if (program === "renewal-ends") {
            return { stdout: "[]", stderr: "" };
          }
          return { stdout: JSON.stringify(world.found ?? WELL), stderr: "" };
        }
        assert.equal(token, "docker:index/getRemoteImage:getRemoteImage");
        const { name } = inputs as { name: string };
        lookups.push(name);
        return { id: imageIdOf(name), name };
      },
    },
    "cybexp",
    "test",
    world.preview ?? false,
  );

  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (incoming, callback) => {
    if (incoming.getName() !== OF_TESTS) {
      resources.push(record(incoming));
    }
    dependencies.set(
      `${incoming.getType()} ${incoming.getName()}`,
      incoming.getDependenciesList().map(typeAndNameIn).sort(),
    );
    open++;
    // The mock is called within this call, before anything is awaited.
    request = incoming;
    return register(incoming, (...answer) => {
      open--;
      callback(...answer);
    });
  };
  const registerOutputs = monitor.registerResourceOutputs.bind(monitor);
  monitor.registerResourceOutputs = (incoming, callback) => {
    const [values, secrets] = decode(incoming.getOutputs().toJavaScript());
    outputs.set(typeAndNameIn(incoming.getUrn()), { values, secrets });
    registerOutputs(incoming, callback);
  };

  // The SDK writes down a stack for every promise, which is half of the time that all of it takes.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 1;
  const result = await program();
  // Drains the queue of registrations; each of them first waits for its inputs.
  await pulumi.runtime.disconnect();
  Error.stackTraceLimit = stackTraceLimit;
  assert.equal(open, 0, "every registration is answered");
  return {
    result,
    resources: resources.sort(byTypeAndName),
    dependencies,
    lookups: lookups.sort(),
    looks,
    outputs,
  };
}

/** As the engine does: what is ignored stays as it was, and what changed is made anew. */
function remembered(known: Memory, memory: Memory, request: Request, inputs: Inputs) {
  const type = request.getType();
  const name = request.getName();
  const key = `${type} ${name}`;
  const old = known.get(key);
  const kept = { ...inputs };
  if (old) {
    for (const ignored of request.getIgnorechangesList()) {
      Reflect.deleteProperty(kept, ignored);
      Object.assign(kept, ignored in old.inputs && { [ignored]: old.inputs[ignored] });
    }
  }
  const sorted = Object.entries(kept).sort(([a], [b]) => (a < b ? -1 : 1));
  const basis = JSON.stringify([sorted, request.getReplacementTrigger()?.toJavaScript()]);
  const made =
    old?.basis === basis ? old.made : provider(type, name, kept, { seed: String((serial += 1)) });
  const entry = { basis, inputs: kept, made };
  memory.set(key, entry);
  return entry;
}

/** No two things that are made with a memory are the same. */
let serial = 0;

function record(request: Request): Registered {
  const [inputs, secrets] = decode(request.getObject().toJavaScript());
  const parent = request.getParent();
  // The command SDK's own, on an input that nobody here gives.
  const replaceOnChanges = request.getReplaceonchangesList().filter((p) => p !== "triggers[*]");
  const trigger = request.getReplacementTrigger()?.toJavaScript();
  return {
    type: request.getType(),
    name: request.getName(),
    parent: parent === "" ? undefined : nameIn(parent),
    inputs: request.getType() === COMMAND ? withParsedInput(inputs) : inputs,
    secrets,
    options: {
      ...(request.getProtect() && { protect: true as const }),
      ...(request.getRetainondelete() && { retainOnDelete: true as const }),
      ...(request.getDeletebeforereplace() && { deleteBeforeReplace: true as const }),
      ...(replaceOnChanges.length > 0 && { replaceOnChanges }),
      ...(trigger !== undefined && trigger !== null && { replacementTrigger: trigger }),
      ...(request.getIgnorechangesList().length > 0 && {
        ignoreChanges: request.getIgnorechangesList(),
      }),
      // Its URN and id.
      ...(request.getProvider() !== "" && { provider: request.getProvider().split("::").at(-2) }),
    },
  };
}

function withParsedInput(inputs: Record<string, unknown>): Record<string, unknown> {
  const { stdin } = inputs;
  return typeof stdin === "string" && stdin !== UNKNOWN
    ? { ...inputs, stdin: JSON.parse(stdin) as unknown }
    : inputs;
}

/** The plain values, and the names of those that have a secret in them. */
function decode(raw: Record<string, unknown>): [Record<string, unknown>, string[]] {
  const secrets = new Set<string>();
  const values = Object.entries(raw).map(([key, value]) => [
    key,
    unwrap(value, () => secrets.add(key)),
  ]);
  return [Object.fromEntries(values) as Record<string, unknown>, [...secrets].sort()];
}

function unwrap(value: unknown, found: () => void): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => unwrap(item, found));
  }
  if (typeof value === "object" && value !== null) {
    if ((value as Record<string, unknown>)[SIGNATURE] === SECRET) {
      found();
      return unwrap((value as { value: unknown }).value, found);
    }
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unwrap(v, found)]));
  }
  return value;
}

const nameIn = (urn: string) => urn.split("::").at(-1) ?? "";
const typeAndNameIn = (urn: string) =>
  `${urn.split("::").at(-2)?.split("$").at(-1) ?? ""} ${nameIn(urn)}`;

const byTypeAndName = (a: Registered, b: Registered) =>
  `${a.type} ${a.name}` < `${b.type} ${b.name}` ? -1 : 1;

export { COMMAND };

/** What `nginx -V` prints in the image of Debian 12. */
export const NGINX_1_22 =
  "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.8 7 Feb 2023 (running with OpenSSL 3.0.20 7 Apr 2026)\n";

/** What a provider makes of a resource: its id and computed outputs. */
function provider(
  type: string,
  name: string,
  inputs: Record<string, unknown>,
  { seed = "first", nginx = NGINX_1_22 }: World,
): { id: string; state: Record<string, unknown> } {
  switch (type) {
    case "pulumi:providers:docker":
      return { id: name, state: {} };
    case "docker:index/container:Container":
      return { id: containerIdOf(name, seed), state: {} };
    case "docker:index/network:Network":
      return { id: `network-${String(inputs["name"])}`, state: {} };
    case "docker:index/volume:Volume":
      return {
        id: String(inputs["name"]),
        state: { mountpoint: `/volumes/${String(inputs["name"])}/_data` },
      };
    case "docker:index/remoteImage:RemoteImage":
      return { id: name, state: { imageId: imageIdOf(String(inputs["name"])) } };
    case "random:index/randomPassword:RandomPassword":
      return { id: "none", state: { result: passwordOf(name, seed) } };
    case "random:index/randomBytes:RandomBytes": {
      const bytes = bytesOf(name, Number(inputs["length"]), seed);
      return { id: name, state: { base64: bytes.toString("base64"), hex: bytes.toString("hex") } };
    }
    case "random:index/randomId:RandomId":
      return {
        id: name,
        state: { hex: bytesOf(name, Number(inputs["byteLength"]), seed).toString("hex") },
      };
    case "tls:index/privateKey:PrivateKey":
      return {
        id: name,
        state: {
          privateKeyPem: pemOf("EC PRIVATE KEY", name, seed),
          publicKeyPem: pemOf("PUBLIC KEY", name, seed),
        },
      };
    case "tls:index/certRequest:CertRequest":
      return { id: name, state: { certRequestPem: pemOf("CERTIFICATE REQUEST", name, seed) } };
    case "tls:index/selfSignedCert:SelfSignedCert":
    case "tls:index/locallySignedCert:LocallySignedCert":
      return {
        id: name,
        state: { certPem: pemOf("CERTIFICATE", name, seed), validityStartTime: `time of ${seed}` },
      };
    case COMMAND:
      return {
        id: `ran-${name}`,
        state: { stdout: printed(inputs, name, seed, nginx), stderr: "" },
      };
    default:
      assert.match(type, /^cybexp:/, `no stand-in for ${type}`);
      return { id: "", state: {} };
  }
}

const programIn = ({ create }: Record<string, unknown>) => String(programOf(create));

/** What the engine's machine has. */
export const ENGINE: EngineSize = { processors: 4, memory: 8192 };

/** What is found at a database outside of the stack. */
export const REACHED = {
  hosts: [
    { name: "shard-0.example.net", port: 27017 },
    { name: "shard-1.example.net", port: 27017 },
  ],
  options: [["replicaSet", "rs"]],
  place: "there",
  documents: 0,
};

/** What our own programs print. */
function printed(inputs: Inputs, name: string, seed: string, nginx: string): string {
  switch (programIn(inputs)) {
    case "nginx-version":
      return nginx;
    case "engine-size":
      return JSON.stringify(ENGINE);
    case "crl":
      return pemOf("X509 CRL", name, seed);
    case "keep-volume": {
      const { volume } = inputs["stdin"] === undefined ? { volume: "" } : parsed(inputs["stdin"]);
      return JSON.stringify(recordOf(String(volume)));
    }
    case "key-files": {
      const { files } = parsed(inputs["stdin"]) as { files: string[] };
      return JSON.stringify({ keys: Object.fromEntries(files.map((f) => [f, fingerprintOf(f)])) });
    }
    case "accounts": {
      const { administrator, users } = parsed(inputs["stdin"]) as {
        administrator: { name: string };
        users: { name: string }[];
      };
      return JSON.stringify({
        administrator: { name: administrator.name, made: "now", ours: true },
        users: Object.fromEntries(users.map(({ name }) => [name, { made: "now", ours: true }])),
      });
    }
    case "sign-request":
      return pemOf("CERTIFICATE", name, seed);
    case "database-reach":
      return JSON.stringify(REACHED);
    default:
      return "";
  }
}

const parsed = (text: unknown) => JSON.parse(String(unwrap(text, () => undefined))) as Inputs;

/** What the look at the kept volumes prints where all is well. */
const WELL = { refused: [], idle: [] };

/** What the state remembers of a kept volume. */
export const recordOf = (volume: string) => ({
  volume,
  mark: digest(volume).slice(0, 12),
  engine: { id: "ENGINE", name: "engine" },
});

export const fingerprintOf = (file: string) => digest(`key ${file}`);
export const imageIdOf = (image: string) => `sha256:${digest(image)}`;
export const containerIdOf = (name: string, seed = "first") =>
  seed === "first" ? `container-${name}` : `container-${name}-${seed}`;
export const passwordOf = (name: string, seed = "first") => digest(`${name} ${seed}`).slice(0, 32);
export const bytesOf = (name: string, length: number, seed = "first") =>
  Buffer.from(digest(`${name} ${seed}`), "hex").subarray(0, length);
const block = (kind: string, content: Buffer) =>
  `-----BEGIN ${kind}-----\n${content.toString("base64")}\n-----END ${kind}-----\n`;

/**
 * A key of an authority is a real one, a certificate can be dated back, and certificates and lists have an
 * end; the rest is only told apart.
 */
export const pemOf = (kind: string, name: string, seed = "first") => {
  switch (kind) {
    case "EC PRIVATE KEY":
      return ecKeyOf(`${name} ${seed}`);
    case "CERTIFICATE":
      return block(kind, certificateOf(`${name} ${seed}`));
    case "X509 CRL":
      return block(kind, listOf(`${name} ${seed}`));
    default:
      return block(kind, Buffer.from(`${name} ${seed}`));
  }
};

/** The certificate of that name as it is handed out, by the key that signed it. */
export const datedOf = (name: string, signer: string, seed = "first") =>
  backdated(pemOf("CERTIFICATE", name, seed), pemOf("EC PRIVATE KEY", signer, seed));

function ecKeyOf(text: string): string {
  const scalar = createHash("sha256").update(text).digest();
  scalar[0] = 0x01; // below the order of the curve
  const ecdh = createECDH("prime256v1");
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  const text64 = (part: Buffer) => part.toString("base64url");
  const jwk = {
    ...{ kty: "EC", crv: "P-256", d: text64(scalar) },
    ...{ x: text64(point.subarray(1, 33)), y: text64(point.subarray(33)) },
  };
  return createPrivateKey({ format: "jwk", key: jwk }).export({
    type: "sec1",
    format: "pem",
  }) as string;
}

/** The bones of a certificate: nobody verifies it. */
function certificateOf(text: string): Buffer {
  const serial = createHash("sha256").update(text).digest().subarray(0, 8);
  const tbs = part(
    0x30,
    Buffer.from("a003020102", "hex"),
    part(0x02, Buffer.of(1), serial),
    ECDSA,
    part(0x30),
    part(0x30, time("260101000000"), time("360101000000")),
    part(0x30),
    PUBLIC_KEY,
  );
  return part(0x30, tbs, ECDSA, part(0x03, Buffer.of(0)));
}

/** The bones of a revocation list. */
function listOf(text: string): Buffer {
  const number = part(
    0x02,
    Buffer.of(1),
    createHash("sha256").update(text).digest().subarray(0, 8),
  );
  const extension = part(0x30, Buffer.from("0603551d14", "hex"), part(0x04, number));
  const tbs = part(
    0x30,
    part(0x02, Buffer.of(1)),
    ECDSA,
    part(0x30),
    time("260101000000"),
    time("351231000000"),
    part(0xa0, part(0x30, extension)),
  );
  return part(0x30, tbs, ECDSA, part(0x03, Buffer.of(0)));
}

/** An element of DER. */
function part(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

const time = (digits: string) => part(0x17, Buffer.from(`${digits}Z`));
const ECDSA = Buffer.from("300a06082a8648ce3d040302", "hex");

/** Anybody's. */
const PUBLIC_KEY = createPublicKey(createPrivateKey(ecKeyOf("anybody"))).export({
  type: "spki",
  format: "der",
});

const digest = (text: string) => createHash("sha256").update(text).digest("hex");

/** What the programs are started with. */
export const run = (program: ProgramName) => ({
  create: commandOf(program),
  update: commandOf(program),
  addPreviousOutputInEnv: false,
  logging: "none",
});

export const DEPLOYMENT_ID = "0123456789abcdef";

/** By what programs recognise what is the deployment's: in their input. */
export const OWNER = { deployment: DEPLOYMENT_ID, labels: "cybexp" };

/** The name of `deployment`, which is not in the list of a build's resources. */
const OF_TESTS = "deployment-of-tests";

/** A deployment of the stack `test`; make it inside of `build`. */
export const deployment = (changes: DeploymentArgs = {}): Deployment =>
  new Deployment(OF_TESTS, { prefix: "cybexp", labels: "cybexp", id: DEPLOYMENT_ID, ...changes });

/** The labels of a part of that deployment, as they are sent. */
export const labelsOf = (role: string) => [
  { label: "cybexp.deployment", value: DEPLOYMENT_ID },
  { label: "cybexp.role", value: role },
  { label: "cybexp.stack", value: "test" },
];

/** Which resources there are, without their inputs. */
export const names = (resources: readonly Registered[]) =>
  resources.map(({ type, name }) => `${type} ${name}`);

/** What every container has, whatever it is for. */
export const HARDENED = {
  networkMode: "bridge",
  readOnly: true,
  capabilities: { drops: ["ALL"] },
  securityOpts: ["no-new-privileges"],
  logDriver: "json-file",
  logOpts: { "max-file": "3", "max-size": "10m" },
  restart: "unless-stopped",
  mustRun: true,
  wait: true,
};

export const CONTAINER_OPTIONS: Options = {
  deleteBeforeReplace: true,
  replaceOnChanges: [
    "capabilities",
    "healthcheck",
    "init",
    "labels",
    "mounts",
    "networksAdvanced",
    "ports",
    "tmpfs",
    "volumes",
  ],
};

/** A health check by its command; the times are in the spelling that Go prints. */
export const healthcheck = (...command: string[]) => ({
  tests: ["CMD", ...command],
  interval: "3s",
  timeout: "5s",
  startPeriod: "2s",
  retries: 5,
});

/** The one resource of a type and name. */
export function the(built: Build<unknown>, type: string, name: string): Registered {
  const found = built.resources.filter((one) => one.type === type && one.name === name);
  assert.equal(found.length, 1, `${found.length} resources are ${type} ${name}`);
  return found[0] as Registered;
}

/** Builds at the first call what the others get as well: reading a build changes nothing in it. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

/** The value of an output once it is known. */
export function valueOf<T>(output: pulumi.Output<T>): Promise<T> {
  return new Promise((resolve) => output.apply(resolve));
}
