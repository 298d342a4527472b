import { CONTAINER, IMAGE } from "../../names/types.ts";
import type { ResourceRule } from "../pack/rule.ts";
import { textOf, UNKNOWN } from "../pack/unknown.ts";

const DIGEST = /(^|@)sha256:[0-9a-f]{64}$/;
const ID = /^[0-9a-f]{64}$/;

/** What runs is one build of an image, and not whatever a tag stands for today. */
export const pinnedImage: ResourceRule = {
  name: "pinned-image",
  description: "Containers run an image by its id or digest, and images are pulled by digest.",
  reason:
    "A tag can be moved: another build, or an attacker's, would run without a change in the program " +
    "(NIST SP 800-190, 4.1.5; SLSA).",
  settings: {
    strictIf: {
      description:
        "A boolean key of the stack's config, such as myapp:production. Unless it is true, images may " +
        "be pulled by tag, and containers name the resulting id. Empty: images are always pulled by digest.",
      type: "string",
      pattern: "^([^:]+:[^:]+)?$",
      default: "",
    },
  },
  types: [CONTAINER, IMAGE],
  check({ type, props }, { strictIf }, flag) {
    const key = textOf(strictIf);
    const image = type === IMAGE ? props["name"] : props["image"];
    if (image === UNKNOWN || DIGEST.test(textOf(image)) || ID.test(textOf(image))) {
      return [];
    }
    if (type === CONTAINER) {
      return [
        `its image is ${textOf(image)}: name it by its id (RemoteImage.imageId) or by a digest`,
      ];
    }
    return key === "" || flag(key)
      ? [`${textOf(image)} is pulled by tag: name it as ${withoutTag(textOf(image))}@sha256:...`]
      : [];
  },
};

const withoutTag = (image: string) => image.replace(/:[^:/@]+$/, "");
