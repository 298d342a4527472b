import { dockerName } from "../names/docker.ts";
import { nameIn, stackIn, typeIn } from "../names/resources.ts";
import { CONTAINER, isInDocker, isThing } from "../names/types.ts";
import { explainUpdate } from "./smallerMemory.ts";

/** The parts of an engine event of `pulumi up --json` that the operator sees. */
interface EngineEvent {
  readonly resourcePreEvent?: { readonly metadata: Metadata };
  readonly resOutputsEvent?: { readonly metadata: Metadata };
  readonly resOpFailedEvent?: { readonly metadata: Metadata };
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message: string;
    readonly severity: string;
  };
  readonly policyEvent?: {
    readonly resourceUrn?: string;
    /** The rule's description, and on the next line what is wrong. */
    readonly message: string;
    readonly policyName: string;
    readonly enforcementLevel: string;
  };
  readonly stdoutEvent?: { readonly message: string };
  readonly summaryEvent?: object;
}

interface Metadata {
  readonly op: string;
  readonly urn: string;
  readonly type: string;
  readonly diffs?: readonly string[] | null;
}

/** What is wrong, according to a policy event. Its first line describes the rule. */
export function wrongBy(message: string): string {
  const [description = "", ...rest] = plain(message).split("\n");
  return rest.join(" ") || description;
}

/** The sign of a finished operation. Operations without one (same, refresh, read ...) change nothing. */
const SIGNS: Readonly<Record<string, string>> = {
  create: "+",
  "create-replacement": "±",
  update: "~",
  delete: "-",
};

/** A warning about something intended: plugins on the path. */
const NOISE = /using pulumi-\S+ from \$PATH/;

/** Shorter durations are not shown. */
const LONG_MS = 1000;

/**
 * Reports an update in a few lines: one for each thing that changed, with how long it took and why it was
 * replaced. Failures are kept for the end, where they are noticed.
 */
export class UpdateReport {
  readonly #write: (line: string) => void;
  readonly #now: () => number;
  readonly #started = new Map<string, { readonly title: string; readonly at: number }>();
  readonly #failures = new Map<string, string>();
  readonly #unwell = new Map<string, string>();
  #changes = 0;
  #told = 0;
  #cancelled = false;
  #ended = false;
  #isCutOff = false;

  constructor(write: (line: string) => void, now: () => number = () => performance.now()) {
    this.#write = (line) => {
      this.#told++;
      write(line);
    };
    this.#now = now;
  }

  /** How many lines were written so far. */
  get told(): number {
    return this.#told;
  }

  /** How many things were changed so far. Like a preview, it counts the things that get a line. */
  get changes(): number {
    return this.#changes;
  }

  /** Whether the events are complete. If not, it is unknown what changed, whatever the exit code. */
  get isWhole(): boolean {
    return this.#ended && !this.#isCutOff;
  }

  /** Whether Pulumi was interrupted. An interrupted destroy ends with "succeeded" and exit code 0. */
  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** One sentence for each failure, the resource's name first. */
  get failures(): readonly string[] {
    return [...this.#failures.values()];
  }

  /** The failures that are about a container, with its name in Docker. */
  get unwell(): ReadonlyMap<string, string> {
    return this.#unwell;
  }

  /** What is being done now. */
  get underWay(): string {
    return [...this.#started.values()].map(({ title }) => title).join(", ");
  }

  /** Takes one line of Pulumi's JSON. */
  take(line: string): void {
    if (!line.startsWith("{")) {
      return;
    }
    const event = parsed(line);
    if (event === undefined) {
      this.#isCutOff = true;
      return;
    }
    if (event.resourcePreEvent) {
      this.#start(event.resourcePreEvent.metadata);
    } else if (event.resOutputsEvent) {
      this.#end(event.resOutputsEvent.metadata);
    } else if (event.resOpFailedEvent) {
      this.#started.delete(event.resOpFailedEvent.metadata.urn);
    } else if (event.diagnosticEvent) {
      this.#tell(event.diagnosticEvent);
    } else if (event.policyEvent) {
      this.#judge(event.policyEvent);
    } else if (event.stdoutEvent) {
      this.#cancelled ||= event.stdoutEvent.message.startsWith("^C received");
    } else if (event.summaryEvent) {
      this.#ended = true;
    }
  }

  #start({ op, urn, type }: Metadata): void {
    if (SIGNS[op] !== undefined && isReal(op, type)) {
      this.#started.set(urn, { title: titleOf(urn, type), at: this.#now() });
    }
  }

  #end({ op, urn, type, diffs }: Metadata): void {
    const sign = SIGNS[op];
    if (sign === undefined || !isReal(op, type)) {
      return;
    }
    this.#changes++;
    const took = this.#now() - (this.#started.get(urn)?.at ?? this.#now());
    this.#started.delete(urn);
    const remarks = [
      ...(took >= LONG_MS ? [`${(took / 1000).toFixed(1)} s`] : []),
      ...(op === "create-replacement" && diffs?.length ? [`replaced: ${diffs.join(", ")}`] : []),
    ];
    this.#write(
      `  ${sign} ${titleOf(urn, type)}${remarks.length ? ` (${remarks.join("; ")})` : ""}`,
    );
  }

  #judge(violation: NonNullable<EngineEvent["policyEvent"]>): void {
    const { resourceUrn = "", message, policyName, enforcementLevel } = violation;
    const name = resourceUrn === "" || isStack(resourceUrn) ? "" : `${nameIn(resourceUrn)}: `;
    const sentence = `${name}${wrongBy(message)} (policy ${policyName})`;
    if (enforcementLevel === "mandatory") {
      this.#failures.set(sentence, sentence);
    } else {
      this.#write(`  note: ${sentence}`);
    }
  }

  #tell({ urn, message, severity }: NonNullable<EngineEvent["diagnosticEvent"]>): void {
    const text = explainUpdate(plain(message));
    if (severity === "error") {
      // The stack's own "update failed" says no more than the exit code.
      if (!/^(update|destroy|preview|refresh) failed$/.test(text) && !this.#failures.has(text)) {
        const name = urn === undefined || isStack(urn) ? "" : `${nameIn(urn)}: `;
        const container = unwellContainer(urn, text);
        const sentence = `${name}${text}${container === undefined ? "" : lookAtLog(container)}`;
        this.#failures.set(text, sentence);
        if (container !== undefined) {
          this.#unwell.set(sentence, container);
        }
      }
    } else if (severity === "warning" && !NOISE.test(text)) {
      this.#write(`  warning: ${text}`);
    } else if (severity.startsWith("info") && text !== "") {
      this.#write(`  ${text}`);
    }
  }
}

/** The event in a line; undefined if the line is cut off, as by a full disk. */
function parsed(line: string): EngineEvent | undefined {
  try {
    return JSON.parse(line) as EngineEvent;
  } catch {
    return undefined;
  }
}

/**
 * Whether the operation does something. Components and providers only group other resources. What isn't
 * in Docker is only in the state, so deleting it leaves no trace.
 */
function isReal(op: string, type: string): boolean {
  return isThing(type) && (op !== "delete" || isInDocker(type));
}

const isStack = (urn: string): boolean => urn.includes("::pulumi:pulumi:Stack::");

/** "docker:index/container:Container" called "kms" is "container kms". */
export function titleOf(urn: string, type: string): string {
  return `${kindOf(type)} ${nameIn(urn)}`;
}

/** "docker:index/container:Container" is a "container". */
export function kindOf(type: string): string {
  return (type.split(":").at(-1) ?? type).replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase();
}

/** What bridged providers and the command provider wrap around a message, often several times. */
const WRAPPINGS = [
  /^exit status \d+: running "[^"]*":\n/,
  /^(creating|updating|deleting|reading) urn:\S+: /,
  /^\d+ errors? occurred:\s*\* /,
  /^sdk-v2\/\S+: sdk\.helper_schema: /,
  /: provider=\S+$/,
];

/** The message without its wrappings. */
function plain(message: string): string {
  let text = message.replace(/\x1b\[[0-9;]*m|<\{%[^%]*%\}>/g, "");
  for (let before = ""; text !== before;) {
    before = text;
    text = WRAPPINGS.reduce((rest, wrapping) => rest.replace(wrapping, ""), text.trim());
  }
  return text;
}

/** The name in Docker of a container that is not running or not healthy. */
function unwellContainer(urn: string | undefined, text: string): string | undefined {
  const stack = urn !== undefined && typeIn(urn) === CONTAINER ? stackIn(urn) : undefined;
  return urn !== undefined && stack !== undefined && /healthy|running/.test(text)
    ? dockerName(stack, nameIn(urn))
    : undefined;
}

/** The end of a sentence: points to a container's log. */
export function lookAtLog(container: string): string {
  return `: see \`docker logs ${container}\``;
}
