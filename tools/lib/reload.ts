import { setTimeout as sleep } from "node:timers/promises";
import { type Docker, DockerError } from "./docker.ts";
import { UserError } from "./errors.ts";

/** How long new workers may take to start. */
const PATIENCE_MS = 15_000;

/**
 * Reloads the proxy, if there is one, and waits until it serves the release: `nginx -s reload` alone
 * says nothing about that.
 */
export async function reloadProxy(
  docker: Docker,
  proxy: { readonly container: string; readonly statusPort: number },
  digest: string,
): Promise<void> {
  const info = await docker.inspect<{ State: { Running: boolean } }>("container", proxy.container);
  if (!info?.State.Running) {
    // It will start with the release that `current` names.
    return;
  }
  // Not `docker kill -s HUP`: after it an unless-stopped container stays away at the next boot (moby#47792).
  await docker.run([
    "exec",
    proxy.container,
    "nginx",
    "-e",
    "stderr",
    "-c",
    "/release/current/nginx.conf",
    "-s",
    "reload",
  ]);

  const url = `http://127.0.0.1:${proxy.statusPort}/release`;
  let serving = "nothing";
  for (const start = Date.now(); Date.now() - start < PATIENCE_MS; await sleep(100)) {
    try {
      serving = await docker.run(["exec", proxy.container, "curl", "-fsS", "--max-time", "2", url]);
    } catch (error) {
      if (!(error instanceof DockerError)) {
        throw error;
      }
    }
    if (serving.trim() === digest) {
      return;
    }
  }
  throw new UserError(
    `${proxy.container} was reloaded and still serves the release ${serving.trim()} instead of ${digest}: ` +
      `see \`docker logs --tail 20 ${proxy.container}\``,
  );
}
