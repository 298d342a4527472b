import * as pulumi from "@pulumi/pulumi";
import { memberName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { keptPart, keptParts } from "../settings/keptParts.ts";
import type { VolumeRecord } from "../render/keptVolumes.ts";
import type { Settings } from "../settings/types.ts";
import { type Deployment, dockerName, type VolumeWatch } from "./deployment.ts";
import { lookNow, Program } from "./program.ts";

export interface KeptVolumesArgs {
  readonly deployment: Deployment;
  /** The last parts of the volumes' names, such as `kms-secrets`. */
  readonly parts: readonly string[];
  /** What the operator has given up, as `PART@MARK`. @default none */
  readonly lost?: readonly string[];
  /**
   * Whether nothing of the deployment is made in Docker before these volumes. Then anything else that is
   * there tells that a volume which is not was lost, even where no mark of it is recorded. @default false
   */
  readonly first?: boolean;
}

/** What must not change a record once it is made: each of these differs after a rename, or on another engine. */
const RECORDED = ["create", "update", "stdin", "environment", "logging"];

/**
 * Remembers of each volume that can't be made again which one it is, and looks at each `up` and preview
 * whether it is still that one. It stops a run that would put a new one in the place of a lost one.
 */
export class KeptVolumes extends pulumi.ComponentResource implements VolumeWatch {
  readonly #marks = new Map<string, pulumi.Output<string>>();
  readonly #checked: Promise<void>;

  constructor(name: string, args: KeptVolumesArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.keptVolumes, name, {}, opts);
    const { deployment, parts, lost = [], first = false } = args;
    const keeper = {
      dockerHost: deployment.dockerHost,
      stack: deployment.stack,
      deployment: deployment.id,
      lost,
    };

    const volumes = parts.map((part) => {
      const { keys = false } = keptPart(part);
      const watched = { part, volume: dockerName(deployment, part), keys };
      const given = lost.some((entry) => entry.startsWith(`${part}@`));
      const record = new Program(
        memberName(name, part),
        {
          program: "keep-volume",
          input: { ...keeper, ...watched, first, roles: parts },
          remembers: true,
        },
        // A record that stays as it is has its value in a preview, too, whatever became of the stack.
        { parent: this, ignoreChanges: given ? [] : RECORDED },
      ).stdout.apply((text) => JSON.parse(text) as VolumeRecord);
      this.#marks.set(part, record.mark);
      return { ...watched, record };
    });

    const verdict = lookNow("check-kept", { ...keeper, volumes }, { parent: this });
    // Where an input is unknown, as in the preview of a new stack, it never settles.
    this.#checked = new Promise((resolve, reject) => {
      verdict.apply((text) => {
        const error = this.#judge(JSON.parse(text) as Verdict);
        return error === undefined ? resolve() : reject(error);
      });
    });
    this.registerOutputs({});
  }

  markOf(part: string): pulumi.Output<string> | undefined {
    return this.#marks.get(part);
  }

  after<T>(value: pulumi.Input<T>): pulumi.Output<T> {
    // A preview orders nothing, and what it waits for may be unknown in it: everything would be. A refusal
    // is told once, and not by all that waits for it.
    const checked = pulumi.runtime.isDryRun() ? undefined : settled(this.#checked);
    return pulumi.all([value, checked]).apply(([known]) => known) as pulumi.Output<T>;
  }

  /**
   * Waits until the volumes are found to be what the state remembers; in a preview for nothing, since a
   * refusal ends it anyhow.
   *
   * @throws pulumi.RunError with a sentence for each volume that is not
   */
  async checked(): Promise<void> {
    if (!pulumi.runtime.isDryRun()) {
      await this.#checked;
    }
  }

  #judge({ refused, idle }: Verdict): Error | undefined {
    for (const sentence of idle) {
      void pulumi.log.warn(sentence, this);
    }
    if (refused.length === 0) {
      return undefined;
    }
    const error = new pulumi.RunError(refused.join("\n"));
    // The SDK leaves it out while the program's text runs, and that may be over.
    Reflect.deleteProperty(error, "stack");
    return error;
  }
}

/** Settles with the promise's good end only; its failure is nobody's, so that the SDK reports it. */
const settled = (promise: Promise<void>): Promise<void> =>
  new Promise((resolve) => void promise.then(resolve));

/** What `check-kept` prints. */
interface Verdict {
  readonly refused: readonly string[];
  readonly idle: readonly string[];
}

/**
 * The same deployment with its kept volumes watched. An `up` goes on only when they are found to be there:
 * until then not even the docker provider is told of the engine, since the state would remember another
 * engine's address, and the next refresh would look there.
 */
export async function keepVolumes(
  name: string,
  deployment: Deployment,
  { lost }: Pick<Settings, "lost">,
): Promise<Deployment> {
  if (deployment.throwaway) {
    return deployment;
  }
  const parts = Object.keys(keptParts);
  const kept = new KeptVolumes(name, { deployment, parts, lost, first: true });
  await kept.checked();
  return { ...deployment, kept };
}
