import type { Kind } from "../names/docker.ts";
import { NAME } from "../names/resources.ts";
import { CONTAINER, NETWORK, RANDOM_ID, VOLUME } from "../names/types.ts";
import type { Session } from "./session.ts";

/** What recovery and its checks need to know of a stack's state. */
export interface StackState {
  /** The id that the deployment's containers, networks and volumes carry; undefined before the first `up`. */
  readonly deployment: string | undefined;
  /** Ids (containers, networks) and names (volumes) in the state, by kind. */
  readonly known: Readonly<Record<Kind, ReadonlySet<string>>>;
  /** Operations that were under way when a run died. */
  readonly pending: number;
  readonly resources: readonly ExportedResource[];
  /** The whole state as exported, with its secrets encrypted. */
  readonly exported: ExportedState;
  /** The resources with their secrets in clear, which stay in this process. Pulumi is asked once. */
  readonly inClear: () => Promise<readonly ExportedResource[]>;
}

export interface ExportedState {
  readonly deployment: {
    readonly resources?: readonly ExportedResource[];
    readonly pending_operations?: readonly unknown[];
  } | null;
}

export interface ExportedResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly parent?: string;
  readonly protect?: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, unknown>>;
}

/** Whether the backend has the session's stack, deployed or not. */
export async function stackExists({
  hasState,
  stack,
  ask,
}: Pick<Session, "stack" | "ask"> & Partial<Pick<Session, "hasState">>): Promise<boolean> {
  const here = hasState?.();
  if (here !== undefined) {
    return here;
  }
  const stacks = JSON.parse(await ask(["stack", "ls", "--json"])) as { name: string }[];
  // Backends with organizations may call it org/project/stack.
  return stacks.some(({ name }) => name.split("/").at(-1) === stack);
}

/** The state of a stack that is not deployed. */
export const noState = (): StackState => interpretState({ deployment: null });

/** Reads the state of a stack that exists. */
export async function readState(session: Pick<Session, "ask" | "stack">): Promise<StackState> {
  return interpretState(
    JSON.parse(await session.ask(["stack", "export", "--stack", session.stack])) as ExportedState,
    () => readStateInClear(session),
  );
}

/** The resources with their secrets in clear, which stay in this process. */
export async function readStateInClear({
  ask,
  stack,
}: Pick<Session, "ask" | "stack">): Promise<readonly ExportedResource[]> {
  const text = await ask(["stack", "export", "--show-secrets", "--stack", stack]);
  return (JSON.parse(text) as ExportedState).deployment?.resources ?? [];
}

/** What a program got, of a state with its secrets in clear. Pulumi stores a secret as the JSON of its value, and this value is JSON itself. */
export function stdinOf({ inputs }: ExportedResource): unknown {
  const stdin = inputs?.["stdin"] as { plaintext?: string } | undefined;
  return stdin?.plaintext === undefined
    ? undefined
    : JSON.parse(JSON.parse(stdin.plaintext) as string);
}

/** @param readInClear Asks Pulumi for the same state with its secrets. */
export function interpretState(
  exported: ExportedState,
  readInClear: () => Promise<readonly ExportedResource[]> = () => Promise.resolve([]),
): StackState {
  let inClear: Promise<readonly ExportedResource[]> | undefined;
  const resources = exported.deployment?.resources ?? [];
  const idsOf = (type: string) =>
    new Set(resources.flatMap((r) => (r.type === type && r.id !== undefined ? [r.id] : [])));
  const id = resources.find(({ urn }) => urn.endsWith(`::${RANDOM_ID}::${NAME.deployment}`));
  const hex = id?.outputs?.["hex"];
  return {
    deployment: typeof hex === "string" ? hex : undefined,
    known: {
      container: idsOf(CONTAINER),
      network: idsOf(NETWORK),
      volume: idsOf(VOLUME),
    },
    pending: exported.deployment?.pending_operations?.length ?? 0,
    resources,
    exported,
    inClear: () => (inClear ??= readInClear()),
  };
}

/** Drops the unfinished operations from the state. What they left behind must be gone by now. */
export async function dropPending(session: Session, state: StackState): Promise<void> {
  const { deployment } = state.exported;
  await session.tell(["stack", "import", "--stack", session.stack, "--force"], {
    ...state.exported,
    deployment: { ...deployment, pending_operations: [] },
  });
}
