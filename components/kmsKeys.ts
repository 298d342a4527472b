import * as pulumi from "@pulumi/pulumi";
import { KMS_KEYS } from "../names/docker.ts";
import { COMPONENT } from "../names/types.ts";
import { kmsKeyFiles } from "../render/kmsConfig.ts";
import { type KeyRecord, publicKeys } from "../render/kmsKeys.ts";
import type { ServiceSettings } from "../settings/types.ts";
import { connectionOf, type Deployment, dockerName, ownerOf } from "./deployment.ts";
import type { Kms } from "./kms.ts";
import { lookNow, Program } from "./program.ts";
import { refusal } from "./refusal.ts";

export interface KmsKeysArgs {
  readonly deployment: Deployment;
  readonly kms: Kms;
  readonly settings: Pick<ServiceSettings, "config">;
  /** What the operator has given up, as `PART@MARK`. */
  readonly lost: readonly string[];
}

/**
 * Remembers the fingerprints of the keys that the KMS has made. It would make new ones in silence, so each `up`
 * and preview checks that it still has these.
 */
export class KmsKeys extends pulumi.ComponentResource {
  /** File name -> SHA-256 of the KMS's public keys. */
  readonly fingerprints: pulumi.Output<Record<string, string>>;
  /** Fails if the KMS has other keys. The SDK reports a failure that nobody handles, and ends the run. */
  readonly checked: Promise<void>;

  constructor(name: string, args: KmsKeysArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.kmsKeys, name, {}, opts);
    const { deployment, kms } = args;
    const files = kmsKeyFiles(args.settings.config);
    const question = {
      dockerHost: connectionOf(deployment),
      ...ownerOf(deployment),
      stack: deployment.stack,
      volume: dockerName(deployment, KMS_KEYS),
      files,
      lost: args.lost,
    };

    const look = new Program(
      name,
      {
        program: "key-files",
        input: question,
        // Only a start of the KMS makes keys.
        because: { KMS: kms.service.containerId },
        remembers: true,
      },
      { parent: this },
    );
    // Digests of public keys, whatever the way to the engine is.
    const record = pulumi.unsecret(look.stdout).apply((text) => JSON.parse(text) as KeyRecord);

    const said = lookNow("check-keys", { ...question, record }, { parent: this });
    // If an input is unknown, as in the preview of a new stack, it never settles.
    this.checked = new Promise((resolve, reject) => {
      said.apply((text) => {
        const { refused, idle } = JSON.parse(text) as Record<"refused" | "idle", string[]>;
        for (const sentence of idle) {
          void pulumi.log.warn(sentence, this);
        }
        return refused.length === 0 ? resolve() : reject(refusal(refused.join("\n")));
      });
    });

    this.fingerprints = record.apply((known) => publicKeys(known, files));
    this.registerOutputs({ fingerprints: this.fingerprints });
  }
}
