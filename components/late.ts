/** Values that a program may know late: checked at once where they are known, and otherwise when they are. */
import * as pulumi from "@pulumi/pulumi";
import { refusal } from "./refusal.ts";

/**
 * A value, or one that is known later. A `RangeError` of the check ends the run with its sentence, now or then; what
 * is made from the result is not made before.
 */
export function checked<T>(
  value: T,
  check: (known: pulumi.Unwrap<T>) => void,
): pulumi.Output<pulumi.Unwrap<T>> {
  const inOneSentence = (known: pulumi.Unwrap<T>) => {
    refusing(() => {
      check(known);
    });
    return known;
  };
  if (isKnown(value)) {
    inOneSentence(value as pulumi.Unwrap<T>);
    return pulumi.output<T>(value);
  }
  return pulumi.output(value).apply(inOneSentence as never) as unknown as pulumi.Output<
    pulumi.Unwrap<T>
  >;
}

/** Ends the run with the sentence of a `RangeError`, and not with where in our code it was thrown. */
export function refusing<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    throw error instanceof RangeError ? refusal(error.message) : error;
  }
}

/** Whether no part of it is an output or a promise. */
export function isKnown(value: unknown): boolean {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) {
    return false;
  }
  if (typeof value !== "object" || value === null || pulumi.Resource.isInstance(value)) {
    return true;
  }
  return Object.values(value).every(isKnown);
}

/** The same, and a refusal if it is a secret: whoever may use the engine reads it there. */
export function shown<T>(what: string, value: pulumi.Input<T>): pulumi.Output<T> {
  const output = pulumi.output(value) as unknown as pulumi.Output<T>;
  if (isKnown(value)) {
    return output;
  }
  const refused = pulumi.output(pulumi.isSecret(output)).apply((secret) => {
    if (secret) {
      throw refusal(
        `${what} is a secret, but \`docker inspect\` shows it to everyone who may use the engine: ` +
          "put it into a file (`files`), or, if it is none, say so with pulumi.unsecret",
      );
    }
    return secret;
  });
  return pulumi.all([output, refused]).apply(([known]) => known) as unknown as pulumi.Output<T>;
}

/**
 * The members of a list that decides which resources there are.
 *
 * @throws RunError for a list, or a name in it, that is known only later
 */
export function listed<T extends { readonly name: string }>(
  what: string,
  members: readonly T[],
): readonly T[] {
  const late = (value: unknown) => !isKnown(value);
  if (pulumi.Output.isInstance(members) || members instanceof Promise) {
    throw refusal(
      `${what} is a secret or known late as a whole, but its names must be plain, because they name resources: ` +
        'list the names in the program, and take each value alone, as in { name: "ann", password: passwords.apply((all) => all["ann"]) }',
    );
  }
  const wrong = members.findIndex(({ name }) => late(name));
  if (wrong !== -1) {
    throw refusal(
      `the name of number ${wrong + 1} in ${what} is a secret or known late, but must be plain, because it names resources`,
    );
  }
  return members;
}
