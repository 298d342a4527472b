import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { notices } from "../settings/notices.ts";
import { foreignNumbers, rotationNumbers } from "../settings/rotationNumbers.ts";
import type { Settings } from "../settings/types.ts";
import { Program } from "./program.ts";

export interface RotationGuardArgs {
  readonly settings: Settings;
}

/**
 * Comes before every rotation. It refuses a number that doesn't follow the last one, says what a rotation
 * revokes, and reminds the operator of old secrets that are still good.
 */
export class RotationGuard extends pulumi.ComponentResource {
  readonly #checked: pulumi.Output<string>;

  constructor(name: string, args: RotationGuardArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.rotationGuard, name, {}, opts);

    const foreign = foreignNumbers(args.settings);
    const program = new Program(
      name,
      {
        program: "rotation-guard",
        input: {
          numbers: rotationNumbers(args.settings),
          ...(foreign.length > 0 && { foreign }),
        },
        remembers: true,
      },
      { parent: this },
    );
    this.#checked = program.id;

    for (const { due, text } of notices(args.settings, today())) {
      void (due ? pulumi.log.warn(text, this) : pulumi.log.info(text, this));
    }
    this.registerOutputs({});
  }

  /** The same value, known once the numbers have been checked. */
  after<T>(value: pulumi.Output<T>): pulumi.Output<T> {
    return pulumi.all([value, this.#checked]).apply(([checked]) => checked) as pulumi.Output<T>;
  }
}

/** For reminders only: no input of a resource depends on the day. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}
