/**
 * What an image needs so that this program can run it. It is checked before the first container is made from the
 * image (`imageCheck.ts`). docs/images.md explains it to people who build images.
 */
import { ACME, COLLECTOR, KAPOW, PROXY } from "../names/docker.ts";
import { ASKING_MEANS, HEALTH_MEANS, KAPOW_HEALTH_MEANS } from "./httpProbe.ts";

export interface ImageNeeds {
  /** What it is for, as in the label `cybexp.role`. */
  readonly role: string;
  /** `uid:gid` of the process. */
  readonly user: string;
  /** One of each list: a name in the PATH, or an absolute path. */
  readonly programs: readonly (readonly string[])[];
  /** Where single files are mounted: no folder may be there. @default none */
  readonly files?: readonly string[];
  /** Whether the image's own entrypoint and command are what runs. @default false */
  readonly startsItself?: boolean;
}

/** The tools that put files into a volume, see `deliver` and `volume`. */
const DELIVERY = each(
  "sh",
  "tar",
  "cat",
  "chmod",
  "chown",
  "ln",
  "ls",
  "mv",
  "readlink",
  "rm",
  "tail",
);

function each(...programs: string[]): string[][] {
  return programs.map((program) => [program]);
}

/** CYBEX-P's KMS or Backend. */
export function serviceNeeds(role: string, user: string): ImageNeeds {
  return {
    role,
    user,
    programs: [...DELIVERY, HEALTH_MEANS],
    files: ["/config.yaml"],
    startsItself: true,
  };
}

/** A MongoDB: asked, and managed, through bash's /dev/tcp. */
export function databaseNeeds(role: string, user: string): ImageNeeds {
  return {
    role,
    user,
    programs: [...DELIVERY, ...each("bash", "head", "wc")],
    startsItself: true,
  };
}

/** The Nginx in front of the services. */
export function proxyNeeds(user: string): ImageNeeds {
  return {
    role: PROXY,
    user,
    programs: [...DELIVERY, ...each("nginx", "date", "sed"), ASKING_MEANS],
  };
}

/** The Nginx that pass a service's connections on to a database outside of the stack. */
export function databaseDoorNeeds(role: string, user: string): ImageNeeds {
  return {
    role,
    user,
    programs: [...DELIVERY, ...each("nginx", "nginx with stream"), HEALTH_MEANS],
  };
}

/** CYBEX-P's collector. Python also runs its door, and finds out beforehand whether the services let it in. */
export function collectorNeeds(user: string): ImageNeeds {
  return {
    role: COLLECTOR,
    user,
    programs: [...DELIVERY, ...each("python3")],
    files: ["/config.yaml", "/etc/hosts"],
    startsItself: true,
  };
}

/** certbot in its loop, see `acmeLoop.ts`. */
export function acmeNeeds(user: string): ImageNeeds {
  return {
    role: ACME,
    user,
    programs: [
      ...DELIVERY,
      ["/bin/sh"],
      ...each("certbot", "python3", "timeout", "cmp", "cp", "cut", "date", "grep", "mkdir"),
      ...each("sed", "sleep", "sort", "tr"),
    ],
  };
}

/** @param started The program that the image is started with, and others that it needs. */
export function kapowNeeds(user: string, ...started: string[]): ImageNeeds {
  return {
    role: KAPOW,
    user,
    programs: [...DELIVERY, ["/bin/sh"], ...each(...started), KAPOW_HEALTH_MEANS],
  };
}
