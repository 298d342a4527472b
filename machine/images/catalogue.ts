/** The demo images: what they are made of. */

/** A part that is made outside the image's folder and goes into its making. */
export type Ingredient = "ferretdb";

export interface DemoImage {
  readonly name: string;
  /** The folder with its Dockerfile, under images/. */
  readonly folder: string;
  /** The official image that is used instead where it can be had: a tag of Docker Hub's library. */
  readonly official?: string | undefined;
  readonly ingredients: readonly Ingredient[];
}

export const catalogue: readonly DemoImage[] = [
  // The first stable version without CVE-2026-42533.
  { name: "cybexp-demo/nginx:1", folder: "nginx", official: "nginx:1.30.4", ingredients: [] },
  // The first 8.0 without CVE-2025-14847.
  {
    name: "cybexp-demo/mongo:1",
    folder: "mongo",
    official: "mongo:8.0.17",
    ingredients: ["ferretdb"],
  },
  { name: "cybexp-demo/kms:1", folder: "kms", ingredients: [] },
  { name: "cybexp-demo/backend:1", folder: "backend", ingredients: [] },
  { name: "cybexp-demo/kapow:1", folder: "kapow", ingredients: [] },
];

/** What the images are built on where it can be pulled; see base.ts for where it can't. */
export const OFFICIAL_BASE = "debian:bookworm-slim";
