import { generationName } from "../names/resources.ts";
import { COMPONENT } from "../names/types.ts";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";

/** Arguments of {@link RotatedPassword}. */
export interface RotatedPasswordArgs {
  /** The password in use; the next number makes the next one. */
  readonly generation: number;
  /** Whether the one before is needed too. */
  readonly withPrevious: boolean;
  /**
   * The operator's own password for this generation, or empty for a generated one. Left out if the operator
   * can't supply one.
   */
  readonly supplied?: string;
  /** Keep it when the stack is destroyed. @default false */
  readonly protect?: boolean;
}

/**
 * A password with a past. Each generation is a resource of its own, named by its number. So the number alone
 * decides whether the previous one stays in the state or is deleted.
 */
export class RotatedPassword extends pulumi.ComponentResource {
  /** Secret. */
  readonly current: pulumi.Output<string>;
  /** The password of the generation before, while it is needed. Secret. */
  readonly previous: pulumi.Output<string> | undefined;

  constructor(name: string, args: RotatedPasswordArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.rotatedPassword, name, {}, opts);

    this.current = this.#password(name, args.generation, args);
    this.previous = args.withPrevious
      ? this.#password(name, args.generation - 1, args, true)
      : undefined;
    this.registerOutputs({ current: this.current });
  }

  #password(name: string, generation: number, args: RotatedPasswordArgs, past = false) {
    const password = new random.RandomPassword(
      generationName(name, generation),
      {
        // 32 letters and digits: 190 bits, and nothing that a URI or YAML would have to quote.
        length: 32,
        special: false,
        // Only a place in the state for the operator's value. It is empty rather than absent, because a
        // preview treats an absent output as one that is not known yet.
        ...(args.supplied !== undefined &&
          !past && { keepers: { password: pulumi.secret(args.supplied) } }),
      },
      {
        parent: this,
        // The next rotation must be able to delete the one before.
        protect: !past && (args.protect ?? false),
        // It keeps the value of its own generation, generated or supplied.
        ...(past && { ignoreChanges: ["keepers"] }),
      },
    );
    return args.supplied === undefined
      ? password.result
      : pulumi.secret(
          pulumi
            .all([password.result, password.keepers])
            .apply(([result, keepers]) => keepers?.["password"] || result),
        );
  }
}
