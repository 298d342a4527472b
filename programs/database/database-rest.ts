/**
 * Runs before a database's container is removed, and stops it while its service is frozen. So an answer under way
 * reaches the service, which takes it up when it goes on. Without it, a write might be stored and its answer
 * lost: the caller would send the record again, and it would be there twice.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { Docker } from "../docker/docker.ts";
import { runProgram } from "../program.ts";
import { find } from "../replacement/door.ts";
import { freeze, pairSchema, thaw } from "./pair.ts";

/** How long a database may take to answer what it has been asked. */
const ANSWER_MS = 2000;
/** As long as the container's own grace. */
const STOP_SECONDS = 60;

await runProgram(pairSchema, STOP_SECONDS + 60, async (pair) => {
  const docker = new Docker(pair.dockerHost);
  const database = await find(docker, pair.container, pair);
  if (!database?.State.Running || !(await freeze(docker, pair))) {
    return;
  }
  try {
    await sleep(ANSWER_MS);
    await docker.run(["container", "stop", `--time=${STOP_SECONDS}`, database.Id], {
      timeoutSeconds: STOP_SECONDS + 30,
    });
  } finally {
    await thaw(docker, pair);
  }
});
