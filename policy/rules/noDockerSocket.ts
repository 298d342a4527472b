import { leadsToEngine } from "../hardening/judgements.ts";
import { containerRule } from "../pack/declared.ts";

/** No container gets at the engine: neither its socket nor a folder that has it. */
export const noDockerSocket = containerRule({
  name: "no-docker-socket",
  description: "No container mounts the engine's socket, or a folder of the host that has it.",
  reason: "Whoever talks to the engine is root on its host, read-only or not (CIS Docker 5.32).",
  check: ({ hostPaths }) =>
    hostPaths
      .filter((path) => leadsToEngine(path) !== undefined)
      .map((path) => `it mounts ${path}, where the engine's socket is: remove the mount`),
});
