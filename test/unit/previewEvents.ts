/** Events of a preview, as Pulumi writes them. */

interface Change {
  readonly op: string;
  /** Types of the components around it and its own, as in a URN. */
  readonly type: string;
  readonly name: string;
  readonly old?: Record<string, unknown>;
  readonly next?: Record<string, unknown>;
  readonly detailed?: readonly string[];
  readonly diffs?: readonly string[];
}

export const CONTAINER = "docker:index/container:Container";
export const COMMAND = "command:local:Command";
export const PASSWORD =
  "cybexp:index:UserList$cybexp:index:RotatedPassword$random:index/randomPassword:RandomPassword";
export const CERTIFICATE =
  "cybexp:index:ClientList$cybexp:tls:ClientCertificate$tls:index/locallySignedCert:LocallySignedCert";

/** One line. */
export function event({ op, type, name, old, next, detailed, diffs }: Change): string {
  const own = type.split("$").at(-1);
  const metadata = {
    op,
    urn: `urn:pulumi:dev::cybexp::${type}::${name}`,
    type: own,
    old: op === "create" ? null : { inputs: old ?? {} },
    new: op === "delete" ? null : { inputs: next ?? old ?? {} },
    ...(diffs && { diffs }),
    detailedDiff: detailed
      ? Object.fromEntries(detailed.map((path) => [path, { diffKind: "update", inputDiff: true }]))
      : null,
  };
  return JSON.stringify({ resourcePreEvent: { metadata, planning: true } });
}

/** The inputs of a container with a role. */
export function container(role: string, ports: readonly Record<string, unknown>[] = []) {
  return { ports, labels: [{ label: "cybexp.role", value: role }] };
}

/** The check from outside, which records numbers and doors. */
export function smoke(
  before: { numbers?: Record<string, number>; doors?: Record<string, string> },
  after = before,
): string {
  const environment = ({ numbers = {}, doors = {} }: typeof before) => ({
    environment: { ROTATION: JSON.stringify(numbers), ACCESS: JSON.stringify(doors) },
  });
  return event({
    op: before === after ? "same" : "update",
    type: `cybexp:index:SmokeCheck$${COMMAND}`,
    name: "smoke",
    old: environment(before),
    next: environment(after),
    ...(before !== after && { detailed: ["environment.ROTATION"] }),
  });
}

export function policy(level: string, rule: string, message: string): string {
  return JSON.stringify({
    policyEvent: {
      resourceUrn: `urn:pulumi:dev::cybexp::${CONTAINER}::kms`,
      message,
      color: "never",
      policyName: rule,
      policyPackName: "cybexp",
      policyPackVersion: "1",
      enforcementLevel: level,
    },
  });
}

export function diagnostic(severity: string, message: string): string {
  return JSON.stringify({ diagnosticEvent: { severity, message, color: "never" } });
}
