/** Checks that this program works with an engine. */
import { UserError } from "../../programs/errors.ts";

/** The oldest major version that everything is tested with. */
const OLDEST = 20;

/** What `docker version` says about the engine. */
export interface EngineVersion {
  readonly Version: string;
  readonly Components?: readonly { readonly Name: string }[] | null;
}

/**
 * The engine's version.
 *
 * @throws UserError for a Docker that is too old, and for Podman, which answers like Docker but reports
 * ports, networks and limits differently, so that every `up` would change everything
 */
export function supportedVersion({ Version: version, Components: parts }: EngineVersion): string {
  if ((parts ?? []).some(({ Name }) => /podman/i.test(Name))) {
    throw new UserError(
      `the engine is Podman ${version}, which is not supported: use Docker ${OLDEST}.10 or newer; ` +
        "set docker:host in the stack's config, or DOCKER_HOST, to its address",
    );
  }
  if (Number(version.split(".")[0]) < OLDEST) {
    throw new UserError(
      `the Docker engine is version ${version}, which is too old: install ${OLDEST}.10 or newer`,
    );
  }
  return version;
}
