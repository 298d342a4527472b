/** Reads Pulumi's JSON events of a preview, one on each line (PULUMI_ENABLE_STREAMING_JSON_PREVIEW). */
import { nameIn } from "../../names/resources.ts";
import { UpdateReport, wrongBy } from "../../stack/updateReport.ts";

/** What a step does, in one word. Pulumi reports a replacement as three steps. */
export type Operation = "same" | "create" | "update" | "replace" | "delete";

/** A resource's inputs in an event, where secrets are `[secret]`. */
export type Inputs = Readonly<Record<string, unknown>>;

/** One resource, before and after. */
export interface Step {
  readonly op: Operation;
  /** Whether the thing stays in Docker when it is removed from the state. */
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
  /** The resource's name, or the stack's for a rule about the whole stack. */
  readonly resource: string;
  readonly message: string;
  /** Whether it stops the deployment. If not, it is advice. */
  readonly mandatory: boolean;
}

/** The whole result of a preview. */
export interface Previewed {
  readonly steps: readonly Step[];
  readonly violations: readonly Violation[];
  /** One sentence for each failure. */
  readonly failures: readonly string[];
  /** Warnings and reminders of the program and Pulumi. */
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

/** The operations that are reported. A refresh, a read and the other steps of a replacement are not. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  same: "same",
  create: "create",
  update: "update",
  replace: "replace",
  delete: "delete",
  // Kept in Docker, but no longer in the state.
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

/** Sorts, because Pulumi works on many resources at once and the order of its events differs. */
const byUrn = (a: Step, b: Step) => compareTexts(a.urn, b.urn);

const bySeverity = (a: Violation, b: Violation) =>
  Number(b.mandatory) - Number(a.mandatory) ||
  compareTexts(`${a.rule}\n${a.resource}\n${a.message}`, `${b.rule}\n${b.resource}\n${b.message}`);

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
