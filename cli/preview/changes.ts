/** What changes in each part of the stack. */
import { isPartOf, NAME } from "../../names/resources.ts";
import { COMPONENT, isThing } from "../../names/types.ts";
import type { Operation, Step } from "./events.ts";
import { enumerate, kind } from "./words.ts";

/** What happens to the resources of one component. */
export interface Change {
  /** The component, such as "KMS" or "users". */
  readonly component: string;
  /** Such as "replaces the container kms; updates the programs kms-limits and kms-handback". */
  readonly what: string;
}

type Title = (name: string) => string;

/** Whether a resource is in all of these components, or in any of them. */
const inAll = (...components: readonly string[]) => {
  return (urn: string) => components.every((component) => isPartOf(component, urn));
};
const inAny = (...components: readonly string[]) => {
  return (urn: string) => components.some((component) => isPartOf(component, urn));
};

/** The parts of a stack by their component's type, in the order of the summary. */
const COMPONENTS: readonly (readonly [within: (urn: string) => boolean, title: Title])[] = [
  [inAll(COMPONENT.kms, COMPONENT.database), () => "KMS's database"],
  [inAll(COMPONENT.kms, COMPONENT.externalDatabase), () => "KMS's database"],
  [inAll(COMPONENT.kms), () => "KMS"],
  [inAll(COMPONENT.kmsAccounts), () => "KMS's accounts"],
  [inAll(COMPONENT.backend, COMPONENT.database), () => "Backend's database"],
  [inAll(COMPONENT.backend, COMPONENT.externalDatabase), () => "Backend's database"],
  [inAll(COMPONENT.backend), () => "Backend"],
  [inAll(COMPONENT.tlsProxy), () => "Proxy"],
  [inAny(COMPONENT.kapow, COMPONENT.selfSignedClient), () => "Kapow!"],
  [inAll(COMPONENT.userList), () => "Users"],
  [inAll(COMPONENT.clientList), () => "Clients"],
  [
    inAll(COMPONENT.rotatedAuthority),
    (name) => (name.startsWith(NAME.clientCa) ? "Client CA" : "Server CA"),
  ],
  [
    inAny(COMPONENT.serverCertificate, COMPONENT.suppliedCertificate),
    (name) => (name.startsWith(NAME.kapowCertificate) ? "Kapow!" : "Server certificate"),
  ],
  [
    inAny(COMPONENT.keptVolumes, COMPONENT.kmsKeys, COMPONENT.rotationGuard, COMPONENT.smokeCheck),
    () => "Checks",
  ],
];

const OTHER = "Other";

/** How many names of one kind a line shows. */
const MOST = 8;

const VERBS: readonly (readonly [op: Operation, verb: string])[] = [
  ["replace", "replaces"],
  ["delete", "removes"],
  ["create", "creates"],
  ["update", "updates"],
];

/** The resources that change, by component. Components themselves and providers are left out. */
export function changesOf(steps: readonly Step[]): Change[] {
  const changing = steps.filter(isChange);
  const titles = [...COMPONENTS.keys()];
  const groups = new Map<string, { readonly rank: number; readonly steps: Step[] }>();
  for (const step of changing) {
    const rank = titles.find((index) => COMPONENTS[index]?.[0](step.urn)) ?? titles.length;
    const title = COMPONENTS[rank]?.[1](step.name) ?? OTHER;
    const group = groups.get(title) ?? { rank, steps: [] };
    group.steps.push(step);
    groups.set(title, group);
  }
  return [...groups]
    .sort(([, a], [, b]) => a.rank - b.rank)
    .map(([component, group]) => ({ component, what: told(group.steps) }));
}

/** Whether the step changes a real thing. */
export function isChange({ op, type }: Step): boolean {
  return op !== "same" && isThing(type);
}

/** For example "replaces container kms; updates programs kms-limits and kms-handback". */
function told(steps: readonly Step[]): string {
  return VERBS.flatMap(([op, verb]) => {
    const names = new Map<string, string[]>();
    for (const step of steps.filter((each) => each.op === op)) {
      const title = kind(step.type);
      names.set(title, [...(names.get(title) ?? []), step.name].sort());
    }
    const kinds = [...names].sort(([a], [b]) => (a < b ? -1 : 1));
    return kinds.length === 0
      ? []
      : [
          `${verb} ${enumerate(
            kinds.map(([title, list]) =>
              list.length === 1
                ? `${title} ${list[0]}`
                : `${title}s ${list.length > MOST ? `${list.slice(0, MOST).join(", ")} ... (${list.length})` : list.join(", ")}`,
            ),
          )}`,
        ];
  }).join("; ");
}

/** How many of each operation, for example "1 replaced, 3 updated". */
export function tally(steps: readonly Step[]): string {
  const words: readonly (readonly [Operation, string])[] = [
    ["replace", "replaced"],
    ["delete", "removed"],
    ["create", "created"],
    ["update", "updated"],
  ];
  return words
    .map(([op, word]) => [steps.filter((step) => isChange(step) && step.op === op).length, word])
    .filter(([number]) => number !== 0)
    .map(([number, word]) => `${number} ${word}`)
    .join(", ");
}
