/** Values that only a Kapow! server needs. */
import { Fault } from "./fault.ts";

/** The address of the Docker host that Kapow! itself listens on by default. */
export const KAPOW_ADDRESS = "127.0.0.1";

/** No list of routes is longer, and a container's arguments and files have limits too. */
const LONGEST_INIT = 65_536;

/** A path in the image, made of characters that mean nothing special to a shell. */
const IMAGE_PATH = /^(?:\/[\w.-]+)+$/;

/** The program that adds the routes: its text, which starts with `#!`, or its path in the image. */
export function parseInit(raw: unknown): string | Fault {
  const allowed =
    "Allowed: a program's text, starting with #! and its interpreter, or a program's path in the image.";
  const example =
    'Write, for example, "init: |" and, below it, "#!/bin/sh" and kapow route add ...';
  if (typeof raw !== "string") {
    return new Fault(allowed, example);
  }
  if (IMAGE_PATH.test(raw)) {
    return raw;
  }
  if (!/^#! *\/\S/.test(raw)) {
    return new Fault(`The text must start with #! and name its interpreter. ${allowed}`, example);
  }
  if (raw.includes("\r")) {
    return new Fault(
      "It has Windows line endings, so the system would look for an interpreter with a carriage return in its name.",
      "Save it with Unix line endings.",
    );
  }
  if (raw.includes("\0") || raw.length > LONGEST_INIT) {
    return new Fault(
      `It is longer than ${LONGEST_INIT} characters, or is not text. ${allowed}`,
      "Put a larger program into the image, and write its path.",
    );
  }
  return raw;
}

/** Whether `init` is a program's text, and not its path in the image. */
export function isProgramText(init: string): boolean {
  return init.startsWith("#!");
}
