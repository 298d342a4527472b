/** Reads what the deployed stack says about its clients. */
import { recorded } from "../../names/resources.ts";
import { npmRun } from "../../programs/npmRun.ts";
import { X509Certificate } from "node:crypto";
import { z } from "zod";
import { nearest } from "../../settings/nearest.ts";
import { UserError } from "../../programs/errors.ts";
import type { Session } from "../../stack/session.ts";
import { CLIENTS } from "./stackEntry.ts";
import { interpretState, stackExists, type StackState } from "../../stack/state.ts";

const clientOutput = z.object({
  certificate: z.string(),
  /** Empty or absent for a certificate whose key was created elsewhere. */
  privateKey: z
    .string()
    .nullish()
    .transform((key) => key || undefined),
});

const outputsSchema = z.object({
  kmsUrl: z.string(),
  backendUrl: z.string(),
  kapowUrl: z.string().optional(),
  serverCa: z.string(),
  clients: z.record(z.string(), clientOutput).optional(),
});

export type Outputs = z.infer<typeof outputsSchema>;
export type ClientOutput = z.infer<typeof clientOutput>;

/** The part of a session that is needed. */
export type Asked = Pick<Session, "stack" | "ask">;

/**
 * The outputs of a deployed stack, with secrets in clear.
 *
 * @throws UserError when it is not deployed
 */
export async function readOutputs(
  session: Asked,
): Promise<{ outputs: Outputs; state: StackState }> {
  const { stack } = session;
  if (!(await stackExists(session))) {
    throw notDeployed(stack);
  }
  type Exported = Parameters<typeof interpretState>[0];
  const [exported, values] = [
    await session.ask(["stack", "export", "--stack", stack]),
    await session.ask(["stack", "output", "--json", "--show-secrets", "--stack", stack]),
  ];
  const parsed = outputsSchema.safeParse(JSON.parse(values));
  if (!parsed.success) {
    throw notDeployed(stack);
  }
  return { outputs: parsed.data, state: interpretState(JSON.parse(exported) as Exported) };
}

function notDeployed(stack: string): UserError {
  return new UserError(
    `${stack} is not deployed, or its first deployment did not finish: run \`${run(stack, "up")}\` first`,
  );
}
/**
 * The certificate of one client.
 *
 * @param config The config in the stack's file.
 * @throws UserError when there is no such client, it is revoked, or the outputs are out of date
 */
export function pickClient(
  name: string,
  {
    stack,
    outputs,
    state,
    config,
  }: {
    readonly stack: string;
    readonly outputs: Outputs;
    readonly state: Pick<StackState, "resources">;
    readonly config: Readonly<Record<string, unknown>>;
  },
): ClientOutput {
  const clients = outputs.clients ?? {};
  const listed = listedClients(config);
  if (listed.find((client) => client.name === name)?.revoked) {
    throw new UserError(
      `${name} is revoked (${CLIENTS} in Pulumi.${stack}.yaml): it gets no bundle`,
    );
  }
  const found = Object.hasOwn(clients, name) ? clients[name] : undefined;
  if (found !== undefined) {
    if (!isCurrent(found, state)) {
      throw new UserError(
        `the last \`up\` of ${stack} did not finish, so the certificate of ${name} may be an old one: run \`${run(stack, "up")}\` first`,
      );
    }
    return found;
  }
  if (listed.some((client) => client.name === name)) {
    throw new UserError(
      `${name} is new in Pulumi.${stack}.yaml: run \`${run(stack, "up")}\` first`,
    );
  }
  const known = Object.keys(clients);
  const meant = nearest(name, known);
  const guess = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  const rest =
    known.length === 0
      ? `it has none; list them under ${CLIENTS} in Pulumi.${stack}.yaml`
      : `it has ${known.join(", ")}`;
  throw new UserError(`${stack} has no client ${JSON.stringify(name)}${guess}: ${rest}`);
}

/**
 * Outputs keep their old values after a failed `up`, so this compares them with the resources. A
 * certificate that was made from a request is found by its subject, because the command that signed it
 * hides its output.
 */
function isCurrent(
  { certificate }: ClientOutput,
  { resources }: Pick<StackState, "resources">,
): boolean {
  const own = identityOf(certificate);
  const [, serial] = /^serialNumber=(.+)$/m.exec(new X509Certificate(certificate).subject) ?? [];
  return resources.some(({ outputs }) => {
    const pem = outputs?.["certPem"];
    const subject = recorded("subject", outputs);
    return (
      (typeof pem === "string" && identityOf(pem) === own) ||
      (subject !== undefined && subject.startsWith(`serialNumber=${serial},`))
    );
  });
}

/** The owner, key and end of a certificate. The beginning differs: it is earlier than in the state. */
function identityOf(pem: string): string {
  const { subject, publicKey, validTo } = new X509Certificate(pem);
  const key = publicKey.export({ type: "spki", format: "der" }).toString("base64");
  return [subject, key, validTo].join(" ");
}

interface Listed {
  readonly name: string;
  readonly revoked: boolean;
}

function listedClients(config: Readonly<Record<string, unknown>>): Listed[] {
  const list = config[CLIENTS];
  return (Array.isArray(list) ? (list as unknown[]) : []).flatMap((entry) => {
    const { name, revoked } = (entry ?? {}) as { name?: unknown; revoked?: unknown };
    return typeof name === "string" ? [{ name, revoked: String(revoked) === "true" }] : [];
  });
}

/** The command to type for a stack. */
export function run(stack: string, command: string): string {
  return npmRun(command, stack);
}
