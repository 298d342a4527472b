import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { isDemoImage } from "../settings/images.ts";
import { configuredEngine } from "./configuredEngine.ts";
import type { Engine } from "./engine.ts";
import { Program } from "./program.ts";

/** Where an image is looked for, and what it belongs to. */
export interface ImageOptions {
  /** @default as `docker:host` in the stack's config says, or else the environment */
  readonly engine?: Engine | undefined;
  readonly parent?: pulumi.Resource;
}

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
  { engine = configuredEngine(), parent }: ImageOptions = {},
): pulumi.Output<string> {
  const options = {
    ...(parent && { parent }),
    ...(engine.provider && { provider: engine.provider }),
  };
  if (isDemoImage(image)) {
    return docker.getRemoteImageOutput({ name: image }, options).id;
  }
  const pulled = new Program(
    `${name}-pull`,
    {
      program: "pull-image",
      input: { dockerHost: engine.connection, image },
      because: { IMAGE: image },
    },
    parent ? { parent } : {},
  );
  // keepLocally: another container of this engine may use the image.
  return new docker.RemoteImage(
    name,
    { name: image, keepLocally: true },
    { ...options, dependsOn: pulled },
  ).imageId;
}
