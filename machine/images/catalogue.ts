/** Lists the demo images and what they are built from. */
import type { Suite } from "./base.ts";

/** A part that is built outside the image's folder and copied into it. */
export type Ingredient = "ferretdb" | "certbot";

export interface DemoImage {
  readonly name: string;
  /** The folder with its Dockerfile, under images/. */
  readonly folder: string;
  /** The official image that is used instead if it can be pulled, as Docker Hub names it. */
  readonly official?: string | undefined;
  readonly ingredients: readonly Ingredient[];
  /** Further folders under images/ that its Dockerfile copies from, by their names. @default none */
  readonly libraries?: readonly string[];
  /** The Debian that it is built on. @default "bookworm" */
  readonly suite?: Suite;
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
  {
    name: "cybexp-demo/backend:1",
    folder: "backend",
    ingredients: [],
    libraries: ["priv-libs"],
  },
  {
    name: "cybexp-demo/collector:1",
    folder: "collector",
    ingredients: [],
    libraries: ["priv-libs"],
  },
  {
    name: "cybexp-demo/query:1",
    folder: "query",
    ingredients: [],
    libraries: ["priv-libs"],
  },
  { name: "cybexp-demo/kapow:1", folder: "kapow", ingredients: [] },
  {
    name: "cybexp-demo/certbot:1",
    folder: "certbot",
    official: "certbot/certbot:v5.8.0",
    ingredients: ["certbot"],
  },
];

/** The Nginx versions that the tests use: the oldest supported one, one in between, and the newest. */
export const nginxVersions: readonly DemoImage[] = (
  [
    ["1.22", "bookworm", "nginx:1.22.1"],
    ["1.26", "trixie", "nginx:1.26.3"],
    ["1.30", "sid", "nginx:1.30.4"],
  ] as const
).map(([version, suite, official]) => ({
  name: `cybexp-demo/nginx-${version}:1`,
  folder: "nginx",
  official,
  ingredients: [],
  suite,
}));

/** What an image is built on if it can be pulled. If not, see base.ts. */
export const officialBase = (suite: Suite) => `debian:${suite}-slim`;
