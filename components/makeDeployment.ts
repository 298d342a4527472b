import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { NAME } from "../names/resources.ts";
import type { Deployment } from "./deployment.ts";

export interface DeploymentOptions {
  /** Whether the data goes with `pulumi destroy`. @default false */
  readonly throwaway?: boolean;
}

/**
 * The deployment of this program's stack: named by project and stack, on the engine that `docker:host`
 * in the stack's config names, with a random id under the name `deployment`. Make one for each stack.
 */
export function makeDeployment({ throwaway = false }: DeploymentOptions = {}): Deployment {
  return {
    prefix: pulumi.getProject(),
    stack: pulumi.getStack(),
    id: new random.RandomId(NAME.deployment, { byteLength: 8 }, { protect: !throwaway }).hex,
    throwaway,
    dockerHost: new pulumi.Config("docker").get("host"),
  };
}
