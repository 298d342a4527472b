import * as pulumi from "@pulumi/pulumi";
import { connectionOf, type Deployment, dockerName, ownerOf } from "./deployment.ts";
import { lookNow } from "./program.ts";
import { refusal, settled } from "./refusal.ts";
import type { RotatedPassword } from "./rotatedPassword.ts";

export interface DatabaseStepArgs {
  readonly deployment: Deployment;
  /** The role of the database's container. */
  readonly role: string;
  /** The administrator, who asks the running database how its data is written. */
  readonly admin: { readonly name: string; readonly password: RotatedPassword };
  /** The release whose features the data is to have. */
  readonly wanted?: string | undefined;
}

/**
 * An image's id, once it is known that it can read the data that is there: the provider removes the old
 * container first, and neither would serve. `npm run preview` asks the same by its own means.
 */
export function readableBy(
  image: pulumi.Output<string>,
  { deployment, role, admin, wanted }: DatabaseStepArgs,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  if (pulumi.runtime.isDryRun()) {
    return image;
  }
  const said = lookNow(
    "database-step",
    {
      dockerHost: connectionOf(deployment),
      ...ownerOf(deployment),
      container: dockerName(deployment, role),
      image,
      admin: {
        name: admin.name,
        password: admin.password.current,
        previous: admin.password.previous,
      },
      wanted,
    },
    { parent },
  );
  const checked = new Promise<void>((resolve, reject) => {
    // What it was asked with is secret, what it says is not.
    pulumi
      .unsecret(said)
      .apply((sentence) => (sentence === "" ? resolve() : reject(refusal(sentence))));
  });
  return pulumi.all([image, settled(checked)]).apply(([id]) => id);
}
