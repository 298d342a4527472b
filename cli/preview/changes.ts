/** What changes in which part of the stack. */
import type { Operation, Step } from "./events.ts";
import { enumerate, kind } from "./words.ts";

/** What is done to the resources of one component. */
export interface Change {
  /** The component, such as "KMS" or "users". */
  readonly component: string;
  /** Such as "replaces the container kms; updates the programs kms-limits and kms-handback". */
  readonly what: string;
}

/** The parts of a stack by their component's type, in the order in which they are told. */
const COMPONENTS: readonly (readonly [type: RegExp, title: (name: string) => string])[] = [
  [/cybexp:index:Kms\$.*cybexp:index:Database\b/, () => "KMS's database"],
  [/cybexp:index:Kms\b/, () => "KMS"],
  [/cybexp:index:Backend\$.*cybexp:index:Database\b/, () => "Backend's database"],
  [/cybexp:index:Backend\b/, () => "Backend"],
  [/cybexp:index:TlsProxy\b/, () => "Proxy"],
  [/cybexp:index:Kapow\b|cybexp:tls:SelfSignedClient\b/, () => "Kapow!"],
  [/cybexp:index:UserList\b/, () => "Users"],
  [/cybexp:index:ClientList\b/, () => "Clients"],
  [
    /cybexp:tls:RotatedAuthority\b/,
    (name) => (name.startsWith("client") ? "Client CA" : "Server CA"),
  ],
  [
    /cybexp:tls:ServerCertificate\b/,
    (name) => (name.startsWith("kapow") ? "Kapow!" : "Server certificate"),
  ],
  [/cybexp:index:(KeptVolumes|RotationGuard|SmokeCheck)\b/, () => "Checks"],
];

const OTHER = "Other";

/** Names of one kind that a line has room for. */
const MOST = 8;

const VERBS: readonly (readonly [op: Operation, verb: string])[] = [
  ["replace", "replaces"],
  ["delete", "removes"],
  ["create", "makes"],
  ["update", "updates"],
];

/** The resources that change, by component; components themselves and providers are names only. */
export function changesOf(steps: readonly Step[]): Change[] {
  const changing = steps.filter(isChange);
  const titles = [...COMPONENTS.keys()];
  const groups = new Map<string, { readonly rank: number; readonly steps: Step[] }>();
  for (const step of changing) {
    const rank = titles.find((index) => COMPONENTS[index]?.[0].test(step.urn)) ?? titles.length;
    const title = COMPONENTS[rank]?.[1](step.name) ?? OTHER;
    const group = groups.get(title) ?? { rank, steps: [] };
    group.steps.push(step);
    groups.set(title, group);
  }
  return [...groups]
    .sort(([, a], [, b]) => a.rank - b.rank)
    .map(([component, group]) => ({ component, what: told(group.steps) }));
}

/** Whether something is done to a real thing. */
export function isChange({ op, type }: Step): boolean {
  return op !== "same" && !/^(cybexp:|pulumi:)/.test(type);
}

/** As in "replaces container kms; updates programs kms-limits and kms-handback". */
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

/** How many of each, as in "1 replaced, 3 updated". */
export function tally(steps: readonly Step[]): string {
  const words: readonly (readonly [Operation, string])[] = [
    ["replace", "replaced"],
    ["delete", "removed"],
    ["create", "made"],
    ["update", "updated"],
  ];
  return words
    .map(([op, word]) => [steps.filter((step) => isChange(step) && step.op === op).length, word])
    .filter(([number]) => number !== 0)
    .map(([number, word]) => `${number} ${word}`)
    .join(", ");
}
