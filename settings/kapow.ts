/** Values that only a Kapow! server has. */
import { Fault } from "./fault.ts";

/** The address of the Docker host at which it listens itself, where the config names none. */
export const KAPOW_ADDRESS = "127.0.0.1";

/** More is no list of routes any more; a container's arguments and files have their limits, too. */
const LONGEST_INIT = 65_536;

/** A path in the image, of characters that no shell takes for its own. */
const IMAGE_PATH = /^(?:\/[\w.-]+)+$/;

/** The program that adds the routes: its text, which begins with `#!`, or where it is in the image. */
export function parseInit(raw: unknown): string | Fault {
  const allowed =
    "Allowed: a program's text, beginning with #! and its interpreter, or the path of one in the image.";
  const example =
    'Write, for example, "init: |" and, below it, "#!/bin/sh" and kapow route add ...';
  if (typeof raw !== "string") {
    return new Fault(allowed, example);
  }
  if (IMAGE_PATH.test(raw)) {
    return raw;
  }
  if (!/^#! *\/\S/.test(raw)) {
    return new Fault(
      `It is executed as it stands, so it has to name its interpreter. ${allowed}`,
      example,
    );
  }
  if (raw.includes("\r")) {
    return new Fault(
      "Its lines end as on Windows: the system would look for an interpreter with that character in its name.",
      "Save it with the line ends of Unix.",
    );
  }
  if (raw.includes("\0") || raw.length > LONGEST_INIT) {
    return new Fault(
      `It is no text of at most ${LONGEST_INIT} characters. ${allowed}`,
      "Put larger programs into the image, and name the path.",
    );
  }
  return raw;
}

/** Whether `init` is a program's text, and not where one is in the image. */
export function isProgramText(init: string): boolean {
  return init.startsWith("#!");
}
