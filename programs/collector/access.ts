import { z } from "zod";
import { ACCESS_CHECK } from "../../render/accessCheck.ts";
import type { Docker } from "../docker/docker.ts";
import { runTask } from "../docker/task.ts";
import { UserError } from "../errors.ts";
import type { Owner } from "../../names/docker.ts";

/** `AccessQuestion`, as a program's input. */
export const accessSchema = z.object({
  kmsUrl: z.string(),
  backendUrl: z.string(),
  user: z.string(),
  password: z.string(),
  token: z.string(),
  authorities: z.string(),
});

/** Seconds; the questions have limits of their own. */
const PATIENCE = 60;

interface Asking extends Owner {
  readonly image: string;
  /** `uid:gid` */
  readonly owner: string;
  readonly network: string;
  /** Path in the container -> file on the engine. */
  readonly files: Readonly<Record<string, string>>;
  readonly access: z.infer<typeof accessSchema>;
}

/**
 * Calls both services from the collector's network, with its image and its credentials.
 *
 * @throws UserError that says which of name, TLS, password, service and token is wrong
 */
export async function checkAccess(docker: Docker, who: string, asking: Asking): Promise<void> {
  const { deployment, labels, image, owner, network, files, access } = asking;
  const answer = await runTask(docker, {
    ...{ image, deployment, labels, network, files },
    user: owner,
    program: "python3",
    args: ["-I", "-c", ACCESS_CHECK],
    input: Buffer.from(JSON.stringify(access)),
  });
  const trouble = answerIn(answer);
  if (trouble !== undefined) {
    throw new UserError(`${who} can't start: ${trouble}`);
  }
}

/**
 * The same from a container that runs already. It is changed in nothing.
 *
 * @returns what is wrong, in one sentence; undefined if all is well
 */
export async function accessTrouble(
  docker: Docker,
  container: string,
  access: z.infer<typeof accessSchema>,
): Promise<string | undefined> {
  const args = ["exec", "--interactive", container, "python3", "-I", "-c", ACCESS_CHECK];
  const input = JSON.stringify(access);
  const { code, stdout, timedOut } = await docker.attempt(args, {
    input,
    timeoutSeconds: PATIENCE,
  });
  if (timedOut) {
    return `no answer within ${PATIENCE} s`;
  }
  // What it says on standard error may quote its input.
  return code !== 0 ? `it can't be asked in ${container}` : answerIn(stdout);
}

const answerIn = (text: string) => (text.trim() === "ok" ? undefined : text.trim());
