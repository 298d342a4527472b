import type * as pulumi from "@pulumi/pulumi";

/**
 * What every component of one deployed stack shares: the prefix of its names in Docker, and the
 * labels by which the operator, `doctor` and recovery tell its things from everybody else's.
 */
export interface Deployment {
  /** The stack's name; names in Docker are `cybexp-<stack>-<role>`. */
  readonly stack: string;
  /**
   * A random id, kept in the state. Two clones may both deploy a stack called `dev` on one engine:
   * this tells whose a container is.
   */
  readonly id: pulumi.Output<string>;
  /** Whether the data goes with `pulumi destroy`. */
  readonly throwaway: boolean;
  /** The engine, as in `docker:host` or DOCKER_HOST; the default socket if absent. */
  readonly dockerHost: string | undefined;
}

/** What a container is for; the value of its label `cybexp.role`. */
export type Role = "kms" | "backend" | "kms-db" | "backend-db" | "proxy" | "kapow";

/** The name in Docker of a part of this deployment, such as `cybexp-dev-kms`. */
export function dockerName(deployment: Deployment, part: string): string {
  return `cybexp-${deployment.stack}-${part}`;
}

export interface Label {
  label: string;
  value: pulumi.Input<string>;
}

/** The labels that every container, network and volume of the deployment carries. */
export function labels(deployment: Deployment, role: string): Label[] {
  // Sorted by name: the provider reads them back so.
  return [
    { label: "cybexp.deployment", value: deployment.id },
    { label: "cybexp.role", value: role },
    { label: "cybexp.stack", value: deployment.stack },
  ];
}
