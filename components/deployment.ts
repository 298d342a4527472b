import type * as pulumi from "@pulumi/pulumi";
import * as names from "../names/docker.ts";
import { VOLUME } from "../names/types.ts";
import { matching } from "../render/check.ts";
import type { EngineInput } from "../settings/engineConnection.ts";
import { configuredEngine } from "./configuredEngine.ts";
import type { Engine } from "./engine.ts";
import { refusal } from "./refusal.ts";

/**
 * What all components of one deployed stack share: the prefix of its names in Docker, and the labels by which
 * the operator, `doctor` and recovery recognise what belongs to it.
 */
export interface Deployment {
  /** The stack's name; names in Docker are `<prefix>-<stack>-<role>`. */
  readonly stack: string;
  /** Distinguishes its names in Docker from those of other programs' stacks. @default "cybexp" */
  readonly prefix?: string;
  /**
   * A random id, kept in the state. Two clones may both deploy a stack called `dev` on one engine. The id
   * says which of them owns a container.
   */
  readonly id: pulumi.Output<string>;
  /** Whether the data goes with `pulumi destroy`. */
  readonly throwaway: boolean;
  /** Where it runs. @default as `docker:host` in the stack's config says, or else the environment */
  readonly engine?: Engine | undefined;
  /** Makes sure that no kept volume is silently created again. @default one for each volume */
  readonly kept?: VolumeWatch | undefined;
}

/** Watches over volumes that can't be made again. The volumes depend on it, and it stays with them. */
export interface VolumeWatch extends pulumi.Resource {
  /** The mark of a part's volume; undefined for a part that it doesn't watch. */
  markOf(part: string): pulumi.Output<string> | undefined;
  /** The same value, known once all its volumes have been found to be those that the state remembers. */
  after<T>(value: pulumi.Input<T>): pulumi.Output<T>;
}

/**
 * The name in Docker of a part of this deployment, such as `cybexp-dev-kms`.
 *
 * @throws RangeError for a prefix or part that is more than a word: a role is a host name, too.
 */
export function dockerName({ prefix, stack }: Deployment, part: string): string {
  const word = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
  const allowed = "lower-case letters, digits and -, beginning with a letter";
  if (prefix !== undefined) {
    matching("a deployment's prefix", prefix, word, allowed);
  }
  matching("a role", part, word, allowed);
  return names.dockerName(stack, part, prefix);
}

export interface Label {
  label: string;
  value: pulumi.Input<string>;
}

/** The labels that every container, network and volume of the deployment carries. */
export function labels(deployment: Deployment, role: string): Label[] {
  // Sorted by name, because the provider reads them back in that order.
  const { id, stack } = deployment;
  const own = names.ownLabels<pulumi.Input<string>>({ deployment: id, role, stack });
  return Object.entries(own).map(([label, value]) => ({ label, value }));
}

/** How programs reach the deployment's engine: the part `dockerHost` of their inputs. */
export function connectionOf({
  engine = configuredEngine(),
}: Deployment): pulumi.Input<EngineInput> {
  return engine.connection;
}

/**
 * The options of a docker resource that is a child of a component, so that it is made on the deployment's engine.
 *
 * @throws RunError if the component was given another provider: its programs would not follow it
 */
export function onEngine(
  { engine }: Deployment,
  parent: pulumi.Resource | undefined,
): { readonly parent?: pulumi.Resource; readonly provider?: pulumi.ProviderResource } {
  const inherited = parent?.getProvider(VOLUME);
  if (inherited !== undefined && inherited !== engine?.provider) {
    throw refusal(
      "a component has a docker provider that is not its deployment's, so its resources and programs would go to " +
        "different engines: give the deployment an `engine`, in place of the option `provider`",
    );
  }
  return {
    ...(parent && { parent }),
    ...(engine?.provider && { provider: engine.provider }),
  };
}
