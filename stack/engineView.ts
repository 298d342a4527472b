/**
 * Remembers what the engine has of a stack at the end of each `up`. While it has just the same, Pulumi's refresh can
 * find nothing, and it takes longer than all else in an `up` that changes nothing.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Kind, KINDS } from "../names/docker.ts";
import { DockerError } from "../programs/docker/docker.ts";
import { localDir } from "../machine/paths.ts";
import type { Session } from "./session.ts";
import type { StackState } from "./state.ts";

type Known = Pick<StackState, "known">;

/** Whether the engine has everything of the state just as at the end of the last `up` from this clone. */
export async function isAsLeft(
  session: Pick<Session, "docker" | "stack">,
  state: Known,
  folder = localDir,
): Promise<boolean> {
  const file = fileOf(session.stack, folder);
  return existsSync(file) && readFileSync(file, "utf8") === (await viewOf(session, state));
}

/** Remembers it. A state that the engine doesn't have as a whole is not worth remembering. */
export async function rememberView(
  session: Pick<Session, "docker" | "stack">,
  state: Known,
  folder = localDir,
): Promise<void> {
  const view = await viewOf(session, state);
  const file = fileOf(session.stack, folder);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, view ?? "", { mode: 0o600 });
}

const fileOf = (stack: string, folder: string) => join(folder, "views", stack);

/** A digest; undefined if anything is missing. */
async function viewOf(
  { docker }: Pick<Session, "docker">,
  { known }: Known,
): Promise<string | undefined> {
  try {
    const views = await Promise.all(
      KINDS.map(async (kind) => {
        const names = [...known[kind]].sort();
        return names.length === 0
          ? []
          : (JSON.parse(await docker.run([kind, "inspect", ...names])) as unknown[]).map(
              lasting[kind],
            );
      }),
    );
    return createHash("sha256").update(JSON.stringify(views)).digest("hex");
  } catch (error) {
    if (error instanceof DockerError) {
      return undefined; // One of them is gone, or the engine: the refresh finds out.
    }
    throw error;
  }
}

/** Docker gives some lists in any order. */
const sorted = (list: unknown): unknown =>
  Array.isArray(list) ? list.map((each) => JSON.stringify(each)).sort() : list;

type Inspected = Readonly<Record<string, unknown>>;

/** What only somebody's hand changes: no addresses, times or results of health checks. */
export const lasting: Readonly<Record<Kind, (inspected: unknown) => unknown>> = {
  container(inspected) {
    const { Id, Name, Image, Config, HostConfig, Mounts, State, NetworkSettings } =
      inspected as Inspected & {
        readonly State: Inspected;
        readonly NetworkSettings: { readonly Networks: Readonly<Record<string, Inspected>> };
      };
    const networks = Object.entries(NetworkSettings.Networks).map(
      ([name, { NetworkID, Aliases, IPAMConfig }]) => [
        name,
        NetworkID,
        sorted(Aliases),
        IPAMConfig,
      ],
    );
    const running = [State["Running"], State["Paused"], State["Restarting"]];
    return [Id, Name, Image, Config, HostConfig, sorted(Mounts), running, sorted(networks)];
  },
  // Whoever joins is seen at the container.
  network: (inspected) => ({ ...(inspected as Inspected), Containers: null, Peers: null }),
  volume: (inspected) => inspected,
};
