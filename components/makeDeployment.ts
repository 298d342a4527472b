import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { NAME } from "../names/resources.ts";
import { configuredEngine } from "./configuredEngine.ts";
import type { Deployment } from "./deployment.ts";
import type { Engine } from "./engine.ts";

/** What a deployment may be told. */
export interface DeploymentOptions {
  /** Whether the data goes with `pulumi destroy`. @default false */
  readonly throwaway?: boolean;
  /** Where it runs. @default as `docker:host` in the stack's config says, or else the environment */
  readonly engine?: Engine;
}

/**
 * The deployment of this program's stack: named by project and stack, with a random id under the name
 * `deployment`. Make one for each stack.
 */
export function makeDeployment({
  throwaway = false,
  engine = configuredEngine(),
}: DeploymentOptions = {}): Deployment {
  return {
    prefix: pulumi.getProject(),
    stack: pulumi.getStack(),
    id: new random.RandomId(NAME.deployment, { byteLength: 8 }, { protect: !throwaway }).hex,
    throwaway,
    engine,
  };
}
