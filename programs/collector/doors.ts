import { COLLECTOR_DOOR, label } from "../../names/docker.ts";
import type { Docker } from "../docker/docker.ts";

/** The ids of the doors that run. */
export async function doorsOf(docker: Docker, deployment: string): Promise<string[]> {
  const output = await docker.run([
    ...["container", "ls", "--quiet", "--no-trunc"],
    `--filter=label=${label("deployment", deployment)}`,
    `--filter=label=${label("role", COLLECTOR_DOOR)}`,
  ]);
  return output.split("\n").filter(Boolean);
}
