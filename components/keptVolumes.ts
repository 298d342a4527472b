import * as pulumi from "@pulumi/pulumi";
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
  /** Never settles where a volume is refused: a rejection would be told by all that waits for it. */
  readonly #checked: Promise<void>;

  constructor(name: string, args: KeptVolumesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("cybexp:index:KeptVolumes", name, {}, opts);
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
        `${name}-${part}`,
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
    this.#checked = new Promise((resolve) => {
      verdict.apply((text) => resolve(this.#judge(JSON.parse(text) as Verdict)));
    });
    this.registerOutputs({});
  }

  markOf(part: string): pulumi.Output<string> | undefined {
    return this.#marks.get(part);
  }

  after<T>(value: pulumi.Input<T>): pulumi.Output<T> {
    // A preview orders nothing, and what it waits for may be unknown in it: everything would be.
    const checked = pulumi.runtime.isDryRun() ? undefined : this.#checked;
    return pulumi.all([value, checked]).apply(([known]) => known) as pulumi.Output<T>;
  }

  #judge({ refused, idle }: Verdict): void {
    for (const sentence of idle) {
      void pulumi.log.warn(sentence, this);
    }
    if (refused.length > 0) {
      const error = new pulumi.RunError(refused.join("\n"));
      // The SDK leaves it out of errors that the program's own text throws, and it is past that.
      Reflect.deleteProperty(error, "stack");
      throw error;
    }
  }
}

/** What `check-kept` prints. */
interface Verdict {
  readonly refused: readonly string[];
  readonly idle: readonly string[];
}

/** The same deployment, none of whose things are touched before its kept volumes are found to be there. */
export function keepVolumes(
  name: string,
  deployment: Deployment,
  { lost }: Pick<Settings, "lost">,
): Deployment {
  if (deployment.throwaway) {
    return deployment;
  }
  const parts = Object.keys(keptParts);
  const kept = new KeptVolumes(name, { deployment, parts, lost, first: true });
  return { ...deployment, id: kept.after(deployment.id), kept };
}
