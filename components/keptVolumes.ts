import * as pulumi from "@pulumi/pulumi";
import { memberName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import { keptPart, keptPartsOf, returningParts } from "../settings/keptParts.ts";
import type { VolumeRecord } from "../render/keptVolumes.ts";
import type { Settings } from "../settings/types.ts";
import { connectionOf, dockerName, ownerOf, type Place, type VolumeWatch } from "./deployment.ts";
import { lookNow, Program } from "./program.ts";
import { refusal, settled } from "./refusal.ts";

export interface KeptVolumesArgs {
  readonly deployment: Place;
  /** The last parts of the volumes' names, such as `kms-secrets`. */
  readonly parts: readonly string[];
  /** What the operator has given up, as `PART@MARK`. @default none */
  readonly lost?: readonly string[];
  /**
   * Whether these volumes are the first thing that the deployment makes in Docker. If so, and anything else
   * is there, a missing volume was lost, even if no mark of it is recorded. @default false
   */
  readonly first?: boolean;
}

/** Must not change a record once it is made: each of these differs after a rename, or on another engine. */
const RECORDED = ["create", "update", "stdin", "environment", "logging"];

/**
 * Remembers the identity of each volume that can't be made again, and checks it at each `up` and preview. It
 * stops a run that would replace a lost volume with a new one.
 */
export class KeptVolumes extends pulumi.ComponentResource implements VolumeWatch {
  readonly #marks = new Map<string, pulumi.Output<string>>();
  readonly #checked: Promise<void>;

  constructor(name: string, args: KeptVolumesArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.keptVolumes, name, {}, opts);
    const { deployment, parts, lost = [], first = false } = args;
    const keeper = {
      dockerHost: connectionOf(deployment),
      stack: deployment.stack,
      ...ownerOf(deployment),
      lost,
    };

    const volumes = parts.map((part) => {
      const { keys = false } = keptPart(part);
      const watched = { part, volume: dockerName(deployment, part), keys };
      const given = lost.some((entry) => entry.startsWith(`${part}@`));
      const keep = new Program(
        memberName(name, part),
        {
          program: "keep-volume",
          input: { ...keeper, ...watched, first, roles: parts },
          remembers: true,
        },
        // An unchanged record has its value in a preview, too, whatever happened to the stack.
        { parent: this, ignoreChanges: given ? [] : RECORDED },
      );
      // It is no secret, though the way to the engine may be.
      const record = pulumi.unsecret(keep.stdout).apply((text) => JSON.parse(text) as VolumeRecord);
      this.#marks.set(part, record.mark);
      return { ...watched, record };
    });

    const verdict = lookNow("check-kept", { ...keeper, volumes }, { parent: this });
    // If an input is unknown, as in the preview of a new stack, it never settles.
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
    // A preview has no order, and if it waited for something unknown, everything would be unknown. A refusal
    // is reported once, and not by everything that waits for it.
    const checked = pulumi.runtime.isDryRun() ? undefined : settled(this.#checked);
    return pulumi.all([value, checked]).apply(([known]) => known) as pulumi.Output<T>;
  }

  /**
   * Waits until the volumes are found to be what the state remembers. In a preview it doesn't wait, because a
   * refusal ends the preview anyway.
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
    return refusal(refused.join("\n"));
  }
}

/** What `check-kept` prints. */
interface Verdict {
  readonly refused: readonly string[];
  readonly idle: readonly string[];
}

/**
 * A watch over a deployment's kept volumes; undefined if it keeps none. An `up` only continues when they are found to
 * be there. Until then not even the docker provider learns of the engine: the state would remember another engine's
 * address, and the next refresh would look there.
 */
export async function keepVolumes(
  name: string,
  deployment: Place,
  settings: Pick<Settings, "lost" | "database" | "throwaway">,
): Promise<VolumeWatch | undefined> {
  if (settings.throwaway) {
    return undefined;
  }
  const kept = new KeptVolumes(name, {
    deployment,
    parts: keptPartsOf(settings),
    lost: [...settings.lost, ...returningParts(settings)],
    first: true,
  });
  await kept.checked();
  return kept;
}
