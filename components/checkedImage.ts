import * as pulumi from "@pulumi/pulumi";
import type { ImageNeeds } from "../render/imageNeeds.ts";
import type { Deployment } from "./deployment.ts";
import { Program } from "./program.ts";

/**
 * An image's id, once it is known to have what it must have: what is made of it needs no further
 * order, and the container before it is still there when the check fails.
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
      input: { dockerHost: deployment.dockerHost, deployment: deployment.id, image, needs },
    },
    { parent },
  );
  // A preview makes nothing that could come too early, and an unknown image is a replacement in it.
  return pulumi.runtime.isDryRun() ? image : pulumi.all([image, check.id]).apply(([id]) => id);
}
