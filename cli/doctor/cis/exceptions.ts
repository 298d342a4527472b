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
      "A task makes a new volume, and the files in it, belong to their user, which only root can do. " +
      "It has no network, only the capabilities for this, and sees only one stack's volumes.",
  },
  {
    rule: "4.6",
    roles: [STAND_IN, TASK],
    reason:
      "The program that starts a stand-in runs the service's health check in it, four times a second. " +
      "A task's exit code says how it went.",
  },
  {
    rule: "5.4",
    roles: [TASK],
    only: "has the capabilities DAC_READ_SEARCH",
    reason:
      "Looking for delivered files needs DAC_READ_SEARCH (reading other users' files, but never " +
      "writing them), which is less than the default DAC_OVERRIDE.",
  },
  {
    rule: "5.8",
    roles: [PROXY, KAPOW],
    reason: "HTTPS is on port 443 if the operator chooses it (`listen`).",
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
      "They are the way in from the network, and the operator may let them listen on every address " +
      "(`address: 0.0.0.0`). Every other port is bound to loopback.",
  },
  {
    rule: "5.15",
    roles: [...ROLES, STAND_IN],
    reason:
      "`unless-stopped`: the services have to come back after the host restarts, and a database may " +
      "need more than five attempts. The engine waits longer before each attempt, and the limits on " +
      "memory, processors and processes apply meanwhile.",
  },
  {
    rule: "5.27",
    roles: [STAND_IN, TASK],
    reason: "As for 4.6.",
  },
];
