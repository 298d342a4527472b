import { createHash } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import type { ContainerArgs } from "./container.ts";

/** What would replace a container. The limits of memory and processes change in place. */
export type Description = Omit<ContainerArgs, "deployment" | "image" | "memory" | "pidsLimit"> &
  Partial<Pick<ContainerArgs, "image">>;

/**
 * A digest of what would replace a container. As its label it makes sure that a changed one does replace it, and
 * tells a program that runs before whether that is about to happen.
 */
export function signatureOf(description: pulumi.Input<Description>): pulumi.Output<string> {
  return pulumi.output(description).apply((plain) => {
    const text = JSON.stringify(plain);
    return createHash("sha256").update(text).digest("hex").slice(0, 32);
  });
}

/** A value, known once a resource is there, so that its users wait for the resource. */
export function after<T>(
  resource: pulumi.CustomResource,
  value: pulumi.Input<T>,
): pulumi.Output<T> {
  return pulumi.all([value, resource.id]).apply(([plain]) => plain as T);
}
