import { z } from "zod";
import { ACCESS_CHECK } from "../../render/accessCheck.ts";
import type { Docker } from "../docker/docker.ts";
import { runTask } from "../docker/task.ts";
import { UserError } from "../errors.ts";

/** `AccessQuestion`, as a program's input. */
export const accessSchema = z.object({
  kmsUrl: z.string(),
  backendUrl: z.string(),
  user: z.string(),
  password: z.string(),
  token: z.string(),
  authorities: z.string(),
});

interface Asking {
  readonly deployment: string;
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
  const { deployment, image, owner, network, files, access } = asking;
  const answer = await runTask(docker, {
    ...{ image, deployment, network, files },
    user: owner,
    program: "python3",
    args: ["-I", "-c", ACCESS_CHECK],
    input: Buffer.from(JSON.stringify(access)),
  });
  if (answer.trim() !== "ok") {
    throw new UserError(`${who} can't start: ${answer.trim()}`);
  }
}
