import * as pulumi from "@pulumi/pulumi";

/** What ends a run with one sentence, or several lines of them. */
export function refusal(sentence: string): Error {
  const error = new pulumi.RunError(sentence);
  // The SDK leaves it out while the program's text runs, and that may be over.
  Reflect.deleteProperty(error, "stack");
  return error;
}

/** Settles only if the promise succeeds. Nobody handles its failure, so the SDK reports it. */
export const settled = (promise: Promise<void>): Promise<void> =>
  new Promise((resolve) => void promise.then(resolve));
