/** Checks that the KMS has the stack's accounts, and takes the tokens that the stack signs for them. */
import { dockerName } from "../../names/docker.ts";
import { NAME, nameIn } from "../../names/resources.ts";
import { COMMAND } from "../../names/types.ts";
import { UserError } from "../../programs/errors.ts";
import { accountsInput, troublesOfTokens } from "../../programs/kms/accountTokens.ts";
import { KmsInside } from "../../programs/kms/kms.ts";
import type { Session } from "../../stack/session.ts";
import { type ExportedResource, stdinOf } from "../../stack/state.ts";
import type { Finding } from "./finding.ts";

const about = "KMS's accounts";

/**
 * @param resources With secrets in clear.
 * @param ill Containers whose fault is reported already.
 * @param told What is found already. If an account is missing, its token is of no interest.
 */
export async function lookAtAccounts(
  { docker, stack }: Pick<Session, "docker" | "stack">,
  resources: readonly ExportedResource[],
  ill: readonly string[],
  told: readonly Finding[],
): Promise<Finding[]> {
  const container = dockerName(stack, "kms");
  const isTold =
    [container, dockerName(stack, "kms-db")].some((name) => ill.includes(name)) ||
    told.some(({ text }) => text.startsWith(`${NAME.kmsAccounts}: `));
  const program = resources.find(
    ({ type, urn }) => type === COMMAND && nameIn(urn) === NAME.kmsAccounts,
  );
  const input = accountsInput.safeParse(program && stdinOf(program));
  if (isTold || !input.success) {
    return [];
  }
  try {
    const troubles = await troublesOfTokens(new KmsInside(docker, container), input.data);
    const count = input.data.users.length;
    const good = `the administrator and ${count} user${count === 1 ? "" : "s"}; the KMS takes their tokens`;
    return troubles.length === 0
      ? [{ level: "good", about, text: good }]
      : troubles.map((text) => ({ level: "fault", about, text }));
  } catch (error) {
    if (error instanceof UserError) {
      return [{ level: "fault", about, text: error.message }];
    }
    throw error;
  }
}
