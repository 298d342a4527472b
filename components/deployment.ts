import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import * as names from "../names/docker.ts";
import { COMPONENT, VOLUME } from "../names/types.ts";
import { matching } from "../render/check.ts";
import type { EngineInput } from "../settings/engineConnection.ts";
import { configuredEngine } from "./configuredEngine.ts";
import type { Engine } from "./engine.ts";
import { refusal } from "./refusal.ts";

/** Arguments of {@link Deployment}. */
export interface DeploymentArgs {
  /**
   * What its names in Docker begin with: they are `<prefix>-<stack>-<role>`. Another deployment on the same engine
   * needs another one. @default the component's name
   */
  readonly prefix?: string;
  /** @default the Pulumi stack's name */
  readonly stack?: string;
  /**
   * Says which deployment a container, network or volume belongs to, in its labels: two clones may both deploy a
   * stack `dev` on one engine. With another id everything would be somebody else's. @default a random one in the state
   */
  readonly id?: pulumi.Input<string>;
  /** Whether the data goes with `pulumi destroy`. If not, the id is protected as the data is. @default false */
  readonly throwaway?: boolean;
  /** Where it runs. @default as `docker:host` in the stack's config says, or else the environment */
  readonly engine?: Engine | undefined;
  /** What the names of its labels in Docker begin with, as in `shop.role`. @default the prefix */
  readonly labels?: string;
  /** Makes sure that no kept volume is silently created again. @default one for each volume */
  readonly kept?: VolumeWatch | undefined;
}

/** Where something is deployed, and by what it is recognised there. */
export type Place = Readonly<
  Required<Pick<DeploymentArgs, "prefix" | "stack" | "labels">> & {
    engine: Engine;
    id: pulumi.Output<string>;
  }
>;

/**
 * What all components that make up one thing share: their names and labels in Docker, and their engine. A stack may
 * have several, each with a prefix of its own.
 *
 * @example
 * const shop = new Deployment("shop");
 */
export class Deployment extends pulumi.ComponentResource implements Place {
  readonly prefix: string;
  readonly stack: string;
  readonly id: pulumi.Output<string>;
  readonly throwaway: boolean;
  readonly engine: Engine;
  readonly labels: string;
  readonly kept: VolumeWatch | undefined;
  readonly #containers = new Set<string>();

  constructor(name: string, args: DeploymentArgs = {}, opts?: pulumi.ComponentResourceOptions) {
    const { prefix = name, throwaway = false, engine = configuredEngine() } = args;
    const { labels = prefix } = args;
    matching("a deployment's prefix", prefix, WORD, WORDS);
    matching("what a deployment's labels begin with", labels, DOTTED, DOTTED_WORDS);
    super(COMPONENT.deployment, name, {}, opts);
    this.prefix = prefix;
    this.stack = args.stack ?? pulumi.getStack();
    this.throwaway = throwaway;
    this.engine = engine;
    this.labels = labels;
    this.kept = args.kept;
    // Refuses a provider that its components would get from here.
    onEngine(this, this);
    this.id =
      args.id === undefined
        ? new random.RandomId(
            `${name}-id`,
            { byteLength: 8 },
            {
              parent: this,
              ...(!throwaway && { protect: true }),
              // `makeDeployment` made it with this name.
              aliases: [{ name, parent: pulumi.rootStackResource }],
            },
          ).hex
        : pulumi.output(args.id);
    this.registerOutputs({});
  }

  /**
   * Takes a name in Docker for a container, so that a second one of the role is refused before anything is deployed.
   *
   * @throws RunError if another container has it
   */
  take(container: string, role: string): void {
    if (this.#containers.has(container)) {
      throw refusal(
        `two containers of a deployment have the role "${role}", so both would be called ${container} in Docker: ` +
          "give one of them another `role`",
      );
    }
    this.#containers.add(container);
  }
}

const WORD = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
const WORDS = "lower-case letters, digits and -, beginning with a letter";
const DOTTED = /^[a-z]([a-z0-9.-]*[a-z0-9])?$/;
const DOTTED_WORDS = "lower-case letters, digits, - and ., beginning with a letter";

/** Watches over volumes that can't be made again. The volumes depend on it, and it stays with them. */
export interface VolumeWatch extends pulumi.Resource {
  /** The mark of a part's volume; undefined for a part that it doesn't watch. */
  markOf(part: string): pulumi.Output<string> | undefined;
  /** The same value, known once all its volumes have been found to be those that the state remembers. */
  after<T>(value: pulumi.Input<T>): pulumi.Output<T>;
}

/**
 * The name in Docker of a part of this deployment, such as `shop-dev-web`.
 *
 * @throws RangeError for a part that is more than a word: a role is a host name, too.
 */
export function dockerName({ prefix, stack }: Place, part: string): string {
  matching("a role", part, WORD, WORDS);
  return names.dockerName(stack, part, prefix);
}

export interface Label {
  label: string;
  value: pulumi.Input<string>;
}

/** The labels that every container, network and volume of the deployment carries. */
export function labels({ id, stack, labels }: Place, role: string): Label[] {
  // Sorted by name, because the provider reads them back in that order.
  const own = names.ownLabels<pulumi.Input<string>>({ labels, deployment: id, role, stack });
  return Object.entries(own).map(([label, value]) => ({ label, value }));
}

/** By what programs recognise what is the deployment's: a part of their inputs. */
export const ownerOf = ({ id, labels }: Place) => ({ deployment: id, labels });

/** How programs reach the deployment's engine: the part `dockerHost` of their inputs. */
export const connectionOf = ({ engine }: Place): pulumi.Input<EngineInput> => engine.connection;

/**
 * The options of a docker resource that is a child of a component, so that it is made on the deployment's engine.
 *
 * @throws RunError if the component was given another provider: its programs would not follow it
 */
export function onEngine(
  { engine }: Pick<Place, "engine">,
  parent: pulumi.Resource | undefined,
): { readonly parent?: pulumi.Resource; readonly provider?: pulumi.ProviderResource } {
  const inherited = parent?.getProvider(VOLUME);
  if (inherited !== undefined && inherited !== engine.provider) {
    throw refusal(
      "a component has a docker provider that is not its deployment's, so its resources and programs would go to " +
        "different engines: give the deployment an `engine`, in place of the option `provider`",
    );
  }
  return {
    ...(parent && { parent }),
    ...(engine.provider && { provider: engine.provider }),
  };
}
