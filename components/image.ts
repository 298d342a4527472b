import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { isDemoImage } from "../settings/images.ts";

/**
 * The id of an image on the engine. A container that names its image by id has no perpetual diff
 * (pulumi-docker#325) and is replaced when, and only when, the image's content changes.
 *
 * Demo images are made by `npm run up` and are in no registry: they are looked up, never pulled.
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
  // keepLocally: another container of this engine may use the image.
  return new docker.RemoteImage(name, { name: image, keepLocally: true }, options).imageId;
}
