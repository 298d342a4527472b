/** Whether an engine is one that this program works with. */
import { UserError } from "../../programs/errors.ts";

/** The oldest that everything is tried with. */
const OLDEST = 20;

/** What `docker version` tells of the engine. */
export interface EngineVersion {
  readonly Version: string;
  readonly Components?: readonly { readonly Name: string }[] | null;
}

/**
 * The engine's version.
 *
 * @throws UserError for Podman, which answers like Docker and reports ports, networks and limits in
 * another way, so that every `up` would change everything; and for a Docker that is too old
 */
export function supportedVersion({ Version: version, Components: parts }: EngineVersion): string {
  if ((parts ?? []).some(({ Name }) => /podman/i.test(Name))) {
    throw new UserError(
      `the engine is Podman ${version}, which is not supported: use Docker ${OLDEST}.10 or newer; ` +
        "docker:host in the stack's config, or DOCKER_HOST, says where it is",
    );
  }
  if (Number(version.split(".")[0]) < OLDEST) {
    throw new UserError(`the Docker engine is ${version}: ${OLDEST}.10 or newer is needed`);
  }
  return version;
}
