/** Which containers are replaced, why, and whether callers notice. */
import {
  ACME,
  ACME_CHALLENGE,
  COLLECTOR,
  COLLECTOR_DOOR,
  COLLECTOR_GATE,
  KAPOW,
  PROXY,
  type Role,
} from "../../names/docker.ts";
import { CONTAINER } from "../../names/types.ts";
import type { Step } from "./events.ts";
import { roleOf } from "./stackView.ts";
import { enumerate, theRole, upperFirst } from "./words.ts";

/** What callers notice when the role's container is replaced; see components/service.ts. */
const NOTICED: Readonly<Record<Role, string> & Partial<Record<string, string>>> = {
  kms: "a stand-in serves meanwhile, no request is lost",
  backend: "a stand-in serves meanwhile, no request is lost",
  "kms-db": "INTERRUPTION: the KMS answers with errors until it is back",
  "backend-db": "INTERRUPTION: the Backend answers with errors until it is back",
  "kms-db-door": "INTERRUPTION: the KMS waits for its database until it is back",
  "kms-db-exit": "INTERRUPTION: the KMS waits for its database until it is back",
  "backend-db-door": "INTERRUPTION: the Backend waits for its database until it is back",
  "backend-db-exit": "INTERRUPTION: the Backend waits for its database until it is back",
  proxy: "INTERRUPTION: nobody is served until it is back",
  kapow: "INTERRUPTION: its running requests are cut off",
  acme: "certificates stay as they are meanwhile",
  collector: "a stand-in takes its records meanwhile, none is lost",
  "collector-door":
    "INTERRUPTION: it takes no records until it is back; what it has taken is stored",
  "collector-gate": "records wait at the collector's door meanwhile, none is lost",
  "acme-challenge": "no certificate can be issued for some seconds",
};

/** A container's properties in the stack's terms. The others keep their own names. */
const REASONS: Readonly<Record<string, string>> = {
  image: "another image",
  ports: "its published ports",
  mounts: "its configuration",
  // The labels have its digests.
  labels: "its configuration",
  envs: "its environment",
  networksAdvanced: "its networks",
  volumes: "its volumes",
  healthcheck: "its health check",
  capabilities: "its capabilities",
  securityOpts: "its security options",
  mustRun: "it is not running",
};

/**
 * A sentence for each container that is replaced or removed, interruptions first.
 *
 * @param running Names of the containers that run now; undefined if all do.
 */
export function restartsOf(steps: readonly Step[], running?: ReadonlySet<string>): string[] {
  const containers = steps.filter(({ type }) => type === CONTAINER);
  const runs = (step: Step | undefined) =>
    step === undefined || running === undefined || running.has(String(step.old?.["name"]));
  const proxy = containers.find(({ name, old }) => old && roleOf(name, old) === "proxy");
  return containers
    .filter(({ op }) => op === "replace" || op === "delete")
    .map((step) => {
      const role = roleOf(step.name, step.old ?? {});
      if (step.op === "delete") {
        return `INTERRUPTION: ${theRole(role)} is removed`;
      }
      const noticed = noticedOf(role, { runs: runs(step), served: runs(proxy) });
      return `${upperFirst(theRole(role))} is replaced (${reasonFor(step)}): ${noticed}`;
    })
    .sort((a, b) => Number(b.includes("INTERRUPTION")) - Number(a.includes("INTERRUPTION")));
}

/** What callers notice. If a container does not serve now, nothing is interrupted. */
function noticedOf(
  role: string,
  { runs, served }: { readonly runs: boolean; readonly served: boolean },
): string {
  if (!runs) {
    return "it does not run now, so nobody is served until it is back";
  }
  if (!served && isBehindProxy(role)) {
    return "the proxy does not run now, so nobody is served until it is back";
  }
  return NOTICED[role] ?? "INTERRUPTION until it is back";
}

const isBehindProxy = (role: string) =>
  ![PROXY, KAPOW, ACME, ACME_CHALLENGE, COLLECTOR, COLLECTOR_DOOR, COLLECTOR_GATE].includes(role);

/** Why a resource is replaced, in the stack's terms. */
function reasonFor({ differing }: Step): string {
  const properties = [...new Set(differing.map((path) => path.replace(/[.[].*$/, "")))];
  // Every change that replaces a service also changes its label, which says nothing more.
  const telling = properties.filter((property) => property !== "labels");
  const reasons = telling.length > 0 ? telling : properties;
  return reasons.length === 0
    ? "created again"
    : enumerate(reasons.map((property) => REASONS[property] ?? property));
}
