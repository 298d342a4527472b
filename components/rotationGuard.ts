import * as pulumi from "@pulumi/pulumi";
import { COMPONENT } from "../names/types.ts";
import { matching } from "../render/check.ts";
import { memberNotices, type Notice, type RotatedMember } from "../settings/memberNotices.ts";
import { type FixedNumber, memberNumbers } from "../settings/rotationNumbers.ts";
import { listed, refusing } from "./late.ts";
import { Program } from "./program.ts";

/** Arguments of {@link RotationGuard}. */
export interface RotationGuardArgs {
  /** The same list as a `UserList` has. @default none */
  readonly users?: readonly RotatedMember[];
  /** The same list as a `ClientList` has. @default none */
  readonly clients?: readonly RotatedMember[];
  /**
   * Further numbers, by what sentences call them. Each goes up by one at a time, unless it is `free`.
   *
   * @default none
   * @example
   * { "server CA": serverCaGeneration }
   */
  readonly numbers?: Readonly<Record<string, pulumi.Input<number>>>;
  /** Of these, the ones that may change in any way, because nothing is made from what was before. @default none */
  readonly free?: readonly string[];
  /** Of these, the ones that must stay as they are, and why. @default none */
  readonly fixed?: Readonly<Record<string, FixedNumber>>;
  /** What to say when one of these changes, a sentence each. @default nothing */
  readonly consequences?: Readonly<Record<string, string>>;
  /** What to remind of in every run. @default the previous passwords and certificates that are still good */
  readonly reminders?: readonly Notice[];
}

/**
 * Comes before every rotation. It refuses a number that doesn't follow the one of the last `up`: each secret and the
 * one before it are made and kept by their numbers, so a jump would lose the one in use before anybody has its
 * successor. It also says what a rotation revokes, and reminds of old secrets that are still good.
 *
 * What must not change before the numbers are checked waits for it with `after`. For all that a deployment has in
 * Docker this is the deployment's id.
 *
 * @example
 * const guard = new RotationGuard("guard", { users, clients });
 * const id = new random.RandomId("id", { byteLength: 8 });
 * const deployment = new Deployment("shop", { id: guard.after(id.hex) });
 */
export class RotationGuard extends pulumi.ComponentResource {
  readonly #checked: pulumi.Output<string>;

  constructor(name: string, args: RotationGuardArgs, opts?: pulumi.ComponentResourceOptions) {
    super(COMPONENT.rotationGuard, name, {}, opts);
    const users = listed(`the users of ${name}`, args.users ?? []);
    const clients = listed(`the clients of ${name}`, args.clients ?? []);
    const { numbers = {}, free = [] } = args;
    refusing(() => {
      checkNames(args, Object.keys(numbers));
    });

    const program = new Program(
      name,
      {
        program: "rotation-guard",
        input: {
          numbers: { ...memberNumbers(users, clients), ...numbers },
          steps: Object.keys(numbers).filter((number) => !free.includes(number)),
          fixed: args.fixed ?? {},
          consequences: args.consequences ?? {},
        },
        remembers: true,
      },
      { parent: this },
    );
    this.#checked = program.id;

    for (const { due, text } of args.reminders ?? memberNotices(users, clients, today())) {
      void (due ? pulumi.log.warn(text, this) : pulumi.log.info(text, this));
    }
    this.registerOutputs({});
  }

  /** The same value, known once the numbers have been checked. */
  after<T>(value: pulumi.Input<T>): pulumi.Output<T> {
    return pulumi.all([value, this.#checked]).apply(([checked]) => checked) as pulumi.Output<T>;
  }
}

/** Those of users and clients begin in these ways. */
const MEMBERS = /^(user|client|refused client|request of client) /;

function checkNames(
  { free = [], fixed = {}, consequences = {} }: RotationGuardArgs,
  numbers: readonly string[],
): void {
  for (const name of numbers) {
    matching(
      "a number's name",
      name,
      /^[A-Za-z][A-Za-z0-9 ._-]{0,63}$/,
      "letters, digits, spaces and . _ -",
    );
    if (MEMBERS.test(name)) {
      throw new RangeError(
        `a number's name is ${JSON.stringify(name)}, as those of users and clients are: give these by \`users\` and \`clients\`, or take another name`,
      );
    }
  }
  for (const name of [...free, ...Object.keys(fixed), ...Object.keys(consequences)]) {
    if (!numbers.includes(name)) {
      throw new RangeError(
        `there is no number with the name ${JSON.stringify(name)}: it is not in \`numbers\``,
      );
    }
  }
}

/** For reminders only: no input of a resource depends on the day. */
function today(): string {
  return new Date().toISOString().slice(0, 10);
}
