import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { isDemoImage } from "../settings/images.ts";
import { Program } from "./program.ts";

/**
 * The id of an image on the engine. A container that names its image by id has no perpetual diff
 * (pulumi-docker#325) and is replaced when, and only when, the image's content changes.
 *
 * Docker's command line pulls it, with its own logins: the provider reads none. `npm run up` makes the demo
 * images, which are in no registry: they are looked up, never pulled.
 */
export function imageId(
  name: string,
  image: string,
  parent?: pulumi.Resource,
): pulumi.Output<string> {
  const options = parent ? { parent } : {};
  if (isDemoImage(image)) {
    return docker.getRemoteImageOutput({ name: image }, options).id;
  }
  const pulled = new Program(
    `${name}-pull`,
    {
      program: "pull-image",
      input: { dockerHost: new pulumi.Config("docker").get("host"), image },
      because: { IMAGE: image },
    },
    options,
  );
  // keepLocally: another container of this engine may use the image.
  return new docker.RemoteImage(
    name,
    { name: image, keepLocally: true },
    { ...options, dependsOn: pulled },
  ).imageId;
}
