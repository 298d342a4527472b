/** What to do when no engine answers. */
import { hasApt, type Machine } from "./machine.ts";

/** Why the engine could not be reached. */
export type Trouble =
  /** There is no `docker` program. */
  | "no command line"
  /** Nothing listens there. */
  | "no answer"
  /** An engine listens there, but refuses this user. */
  | "no permission";

export interface Situation {
  readonly trouble: Trouble;
  /** As in DOCKER_HOST; undefined for the default. */
  readonly host: string | undefined;
  /** Whether an engine on this machine listens there by default. */
  readonly ownEngine: boolean;
  readonly machine: Machine;
  /** Whether there is a `dockerd` program. */
  readonly daemonInstalled: boolean;
  /** The command line's own message. */
  readonly words: string;
}

export type Remedy =
  /** Without `start`, the first package that exists is enough. */
  | { readonly do: "install"; readonly packages: readonly string[]; readonly start: boolean }
  | { readonly do: "start" }
  /** We can't do it ourselves. One sentence tells the user what to do. */
  | { readonly do: "ask"; readonly message: string };

/** Installs and starts only on Debian and Ubuntu, as root, and only this machine's own engine. */
export function remedyFor(situation: Situation): Remedy {
  const { trouble, machine, ownEngine } = situation;
  const address = situation.host ?? "the default socket";
  const mayInstall = hasApt(machine) && machine.root;
  if (trouble === "no permission") {
    return ask(
      `The Docker engine at ${address} refuses this user: add the user to the group docker ` +
        "(sudo usermod -aG docker NAME, then log in again) or run this as root.",
    );
  }
  if (!ownEngine) {
    if (trouble === "no answer") {
      return ask(
        `No Docker engine answers at ${address} (${situation.words}): start it, or correct ` +
          "docker:host or DOCKER_HOST.",
      );
    }
    return mayInstall
      ? { do: "install", packages: ["docker-cli", "docker.io"], start: false }
      : ask(`${address} can't be reached without a docker program: ${howToInstall(machine)}`);
  }
  if (mayInstall) {
    return situation.daemonInstalled && trouble === "no answer"
      ? { do: "start" }
      : { do: "install", packages: ["docker.io", "docker-cli"], start: true };
  }
  const missing =
    trouble === "no command line"
      ? "There is no docker program on PATH"
      : `No Docker engine answers at ${address}`;
  return ask(`${missing}: ${howToInstall(machine)}`);
}

function ask(message: string): Remedy {
  return { do: "ask", message };
}

function howToInstall(machine: Machine): string {
  if (hasApt(machine)) {
    return "install and start one with `sudo apt-get install docker.io`, or run this as root.";
  }
  return machine.platform === "darwin"
    ? "install and start Docker Desktop, OrbStack or Colima."
    : "install and start Docker Engine as described at https://docs.docker.com/engine/install/.";
}
