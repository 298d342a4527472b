import * as pulumi from "@pulumi/pulumi";
import type { ImageNeeds } from "../render/imageNeeds.ts";
import { connectionOf, type Deployment, ownerOf } from "./deployment.ts";
import { Program } from "./program.ts";

/**
 * An image's id, known once the image is found to have what it needs. What is made from the image then waits
 * for the check, and the old container is still there if the check fails.
 */
export function checkedImage(
  name: string,
  image: pulumi.Output<string>,
  deployment: Deployment,
  needs: ImageNeeds,
  parent: pulumi.Resource,
): pulumi.Output<string> {
  const check = new Program(
    `${name}-check`,
    {
      program: "image-check",
      input: { dockerHost: connectionOf(deployment), ...ownerOf(deployment), image, needs },
    },
    { parent },
  );
  // Nothing can come too early in a preview, and with an unknown image it would show a replacement.
  return pulumi.runtime.isDryRun() ? image : pulumi.all([image, check.id]).apply(([id]) => id);
}
