/** What Pulumi tells of a preview: its JSON events, one a line (PULUMI_ENABLE_STREAMING_JSON_PREVIEW). */
import { nameIn } from "../../names/resources.ts";
import { UpdateReport, wrongBy } from "../../stack/updateReport.ts";

/** What a step does, in one word: Pulumi tells a replacement in three steps. */
export type Operation = "same" | "create" | "update" | "replace" | "delete";

/** A resource's inputs as an event has them; secrets are `[secret]` in it. */
export type Inputs = Readonly<Record<string, unknown>>;

/** One resource, as it is and as it would be. */
export interface Step {
  readonly op: Operation;
  /** Whether what goes from the state stays in Docker. */
  readonly retained?: true;
  readonly urn: string;
  readonly type: string;
  /** The resource's name in the program. */
  readonly name: string;
  /** Undefined for what is created. */
  readonly old: Inputs | undefined;
  /** Undefined for what is deleted. */
  readonly next: Inputs | undefined;
  /** Paths of the properties that differ, sorted. */
  readonly differing: readonly string[];
}

/** A rule of a policy pack that a resource breaks. */
export interface Violation {
  readonly rule: string;
  readonly pack: string;
  /** The resource's name; of the whole stack's rules the stack's. */
  readonly resource: string;
  readonly message: string;
  /** Whether it stops the deployment; else it is advice. */
  readonly mandatory: boolean;
}

/** All that a preview said. */
export interface Previewed {
  readonly steps: readonly Step[];
  readonly violations: readonly Violation[];
  /** What went wrong, one sentence each. */
  readonly failures: readonly string[];
  /** What the program and Pulumi warn and remind of. */
  readonly notes: readonly string[];
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly old: { readonly inputs?: Inputs } | null;
  readonly new: { readonly inputs?: Inputs } | null;
  readonly diffs?: readonly string[] | null;
  readonly detailedDiff?: Readonly<Record<string, unknown>> | null;
}

interface PolicyEvent {
  readonly resourceUrn?: string;
  readonly message: string;
  readonly policyName: string;
  readonly policyPackName: string;
  readonly enforcementLevel: string;
}

interface EngineEvent {
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly policyEvent?: PolicyEvent;
}

/** The operations that are told; a refresh, a read and the other steps of a replacement are not. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  same: "same",
  create: "create",
  update: "update",
  replace: "replace",
  delete: "delete",
  // Kept in Docker, and no longer in the state.
  discard: "delete",
};

/** Reads the lines that Pulumi wrote. */
export function readEvents(text: string): Previewed {
  const notes: string[] = [];
  const report = new UpdateReport((line) => notes.push(line.trim()));
  const steps: Step[] = [];
  const violations: Violation[] = [];
  for (const line of text.split("\n").filter((each) => each.startsWith("{"))) {
    const event = JSON.parse(line) as EngineEvent;
    if (event.resourcePreEvent) {
      steps.push(...stepOf(event.resourcePreEvent.metadata));
    } else if (event.policyEvent) {
      violations.push(violationOf(event.policyEvent));
    } else if (line.includes('"diagnosticEvent"')) {
      report.take(line);
    }
  }
  return {
    steps: steps.sort(byUrn),
    violations: violations.sort(bySeverity),
    failures: report.failures,
    notes: [...new Set(notes)].sort(),
  };
}

function stepOf(metadata: Metadata): Step[] {
  const op = OPERATIONS[metadata.op];
  if (op === undefined) {
    return [];
  }
  const { urn, type, detailedDiff, diffs } = metadata;
  const detailed = Object.keys(detailedDiff ?? {});
  return [
    {
      op,
      ...(metadata.op === "discard" && { retained: true as const }),
      urn,
      type,
      name: nameIn(urn),
      old: op === "create" ? undefined : (metadata.old?.inputs ?? {}),
      next: op === "delete" ? undefined : (metadata.new?.inputs ?? {}),
      differing: [...(detailed.length > 0 ? detailed : (diffs ?? []))].sort(),
    },
  ];
}

function violationOf(event: PolicyEvent): Violation {
  return {
    rule: event.policyName,
    pack: event.policyPackName,
    resource: nameIn(event.resourceUrn ?? ""),
    message: wrongBy(event.message),
    mandatory: event.enforcementLevel === "mandatory",
  };
}

/** Pulumi works on many resources at once: the order of its events differs from run to run. */
const byUrn = (a: Step, b: Step) => compareTexts(a.urn, b.urn);

const bySeverity = (a: Violation, b: Violation) =>
  Number(b.mandatory) - Number(a.mandatory) ||
  compareTexts(`${a.rule}\n${a.resource}\n${a.message}`, `${b.rule}\n${b.resource}\n${b.message}`);

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
