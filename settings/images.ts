/** References to container images. */
import { Fault } from "./fault.ts";

/** One part of a registry's host name, or of a repository's path (the grammar of distribution/reference). */
const HOST_PART = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const HOST = `${HOST_PART}(?:\\.${HOST_PART})*(?::[0-9]{1,5})?`;
const PATH_PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const REFERENCE = new RegExp(
  `^((?:${HOST}/)?${PATH_PART}(?:/${PATH_PART})*)(?::(\\w[\\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$`,
);
const LONGEST_NAME = 255;

/** Whether this project builds the image on the machine. No registry has it, so it is never pulled. */
export function isDemoImage(image: string): boolean {
  return image.startsWith("cybexp-demo/");
}

/** Whether the reference always means the same build. */
export function hasDigest(image: string): boolean {
  return image.includes("@sha256:");
}

/** Whether its digest is the placeholder that the example has: only zeros. */
export function isPlaceholderImage(image: string): boolean {
  return /@sha256:0{64}$/.test(image);
}

/** A reference that names one version: `name:tag`, `name@sha256:...`, or both. */
export function parseImage(raw: unknown): string | Fault {
  const allowed = "Allowed: name:tag, name@sha256:digest or name:tag@sha256:digest.";
  const example = "Write the version to run, as in registry.example.edu/name:1.0.";
  const [, name, tag, digest] =
    (typeof raw === "string" && raw.length <= 512 && REFERENCE.exec(raw)) || [];
  if (typeof raw !== "string" || name === undefined || name.length > LONGEST_NAME) {
    return new Fault(`This is not an image reference. ${allowed}`, example);
  }
  if (name === "sha256") {
    return new Fault(`An image ID is valid on one machine only. ${allowed}`, example);
  }
  if (digest !== undefined) {
    return raw;
  }
  if (tag === undefined) {
    return new Fault(`Without a tag or digest, the image can change. ${allowed}`, example);
  }
  if (tag === "latest") {
    return new Fault(
      `The tag "latest" is not a version: it moves with every release. ${allowed}`,
      example,
    );
  }
  return raw;
}
