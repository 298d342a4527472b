/** Reads what the deployed stack says about a user's modules. */
import { parse } from "yaml";
import { z } from "zod";
import { npmRun } from "../../programs/npmRun.ts";
import { UserError } from "../../programs/errors.ts";
import { formatPath } from "../../settings/path.ts";
import { nearest } from "../../settings/nearest.ts";
import type { Access, Settings } from "../../settings/types.ts";
import type { Session } from "../../stack/session.ts";
import { stackExists } from "../../stack/state.ts";

const outputsSchema = z.object({
  kmsUrl: z.string(),
  backendUrl: z.string(),
  serverCa: z.string(),
  moduleConfig: z.record(z.string(), z.string()),
  /** Where the stack makes the KMS's first administrator. */
  administrator: z.object({ user: z.string() }).optional(),
});

export type ModuleOutputs = z.infer<typeof outputsSchema>;

/**
 * The outputs of a deployed stack, with secrets in clear.
 *
 * @throws UserError when it is not deployed
 */
export async function readModuleOutputs(
  session: Pick<Session, "stack" | "ask">,
): Promise<ModuleOutputs> {
  const { stack } = session;
  if (await stackExists(session)) {
    const args = ["stack", "output", "--json", "--show-secrets", "--stack", stack];
    const parsed = outputsSchema.safeParse(JSON.parse(await session.ask(args)));
    if (parsed.success) {
      return parsed.data;
    }
  }
  throw new UserError(
    `${stack} is not deployed, or its first deployment did not finish: run \`${npmRun("up", stack)}\` first`,
  );
}

const USERS = formatPath(["users" satisfies keyof Settings]);

/**
 * The config.yaml of one user's modules.
 *
 * @param listed The names in the stack's file.
 * @throws UserError when there is no such user, or its token would be an administrator's
 */
export function pickConfig(
  name: string,
  {
    stack,
    outputs,
    listed,
  }: {
    readonly stack: string;
    readonly outputs: ModuleOutputs;
    readonly listed: readonly string[];
  },
): string {
  const { moduleConfig, administrator } = outputs;
  const config = Object.hasOwn(moduleConfig, name) ? moduleConfig[name] : undefined;
  if (config === undefined) {
    throw unknownUser(name, stack, Object.keys(moduleConfig), listed);
  }
  if (administrator !== undefined && subjectOf(config) === administrator.user) {
    throw new UserError(
      `${name} is the KMS's administrator, whose token is for making users alone: choose another user of ${USERS} in Pulumi.${stack}.yaml`,
    );
  }
  return config;
}

function unknownUser(
  name: string,
  stack: string,
  known: readonly string[],
  listed: readonly string[],
): UserError {
  if (listed.includes(name)) {
    return new UserError(
      `${name} is new in Pulumi.${stack}.yaml: run \`${npmRun("up", stack)}\` first`,
    );
  }
  const meant = nearest(name, known);
  const guess = meant === undefined ? "" : ` (did you mean ${meant}?)`;
  return new UserError(
    `${stack} has no user ${JSON.stringify(name)}${guess}: ${USERS} in Pulumi.${stack}.yaml has ${known.join(", ")}`,
  );
}

/** Whose token it is, as the KMS sees it. */
function subjectOf(config: string): unknown {
  const { kms_access_key: token } = parse(config) as { kms_access_key: string };
  const [, claims = ""] = token.split(".");
  return (JSON.parse(Buffer.from(claims, "base64url").toString()) as { sub?: unknown }).sub;
}

/**
 * Requires doors that a module can pass: it sends a password, and can't present a certificate.
 *
 * @throws UserError
 */
export function requirePasswordDoors(
  stack: string,
  doors: Readonly<Record<"kms" | "backend", Access>>,
): void {
  for (const name of ["kms", "backend"] as const) {
    if (doors[name] !== "password" && doors[name] !== "either") {
      throw new UserError(
        `CYBEX-P's modules can't present a certificate, and cybexp:${name}.access in Pulumi.${stack}.yaml is ${doors[name]}: set it to password or either`,
      );
    }
  }
}
