/** Where a stack does not keep to a rule, and why: nowhere else. */
import { ACME_CHALLENGE, KAPOW, PROXY, ROLES, STAND_IN, TASK } from "../../../names/docker.ts";

export interface Exception {
  /** The rule's number. */
  readonly rule: string;
  /** The roles (label `cybexp.role`) that it holds for. */
  readonly roles: readonly string[];
  readonly reason: string;
  /** The one violation that is accepted; any if absent. */
  readonly only?: string;
}

export const exceptions: readonly Exception[] = [
  {
    rule: "4.1",
    roles: [TASK],
    reason:
      "A task gives a new volume to its user and writes files that belong to that user: only root " +
      "may. It has no network, no capability but those for it, and sees one stack's volumes.",
  },
  {
    rule: "4.6",
    roles: [STAND_IN, TASK],
    reason:
      "Who started a stand-in runs the service's health check in it, four times a second; a task's " +
      "exit code says how it went.",
  },
  {
    rule: "5.4",
    roles: [TASK],
    only: "has the capabilities DAC_READ_SEARCH",
    reason:
      "Looking for delivered files needs DAC_READ_SEARCH (read, and never write, what belongs to " +
      "others), which is less than the default DAC_OVERRIDE.",
  },
  {
    rule: "5.8",
    roles: [PROXY, KAPOW],
    reason: "HTTPS is at port 443 where the operator says so (`listen`).",
  },
  {
    rule: "5.8",
    roles: [ACME_CHALLENGE],
    reason: "An ACME server asks for its tokens at port 80 (RFC 8555, 8.3).",
  },
  {
    rule: "5.14",
    roles: [PROXY, KAPOW, ACME_CHALLENGE],
    reason:
      "They are the way in from the network; the operator may let them listen at every address " +
      "(`address: 0.0.0.0`). Every other port is bound to loopback.",
  },
  {
    rule: "5.15",
    roles: [...ROLES, STAND_IN],
    reason:
      "`unless-stopped`: after the host's restart the services have to come back, and the database " +
      "may take more than five tries to be there. The engine waits longer before each further try, " +
      "and the limits on memory, processors and processes hold meanwhile.",
  },
  {
    rule: "5.27",
    roles: [STAND_IN, TASK],
    reason: "As 4.6.",
  },
];
