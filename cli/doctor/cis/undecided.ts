/** The rules of sections 4 and 5 that `docker inspect` says nothing about, and who does. */

export interface Undecided {
  readonly id: string;
  readonly title: string;
  readonly why: string;
}

const BUILD =
  "About how an image is built: the images are the operator's (the demo ones: `images/`).";
const EXEC =
  "About a moment, not a container. The stack's own programs run commands in containers as the " +
  "container's user, never with `--privileged`.";

export const undecided: readonly Undecided[] = [
  {
    id: "4.2",
    title: "Trusted base images",
    why: BUILD,
  },
  { id: "4.3", title: "No unnecessary packages", why: BUILD },
  { id: "4.4", title: "Images are scanned and rebuilt", why: BUILD },
  {
    id: "4.5",
    title: "Content trust is enabled",
    why: "About the client's environment. An image with a digest is the one that was chosen.",
  },
  { id: "4.7", title: "Update instructions are not used alone", why: BUILD },
  {
    id: "4.8",
    title: "setuid and setgid are removed",
    why: `${BUILD} \`no-new-privileges\` (5.26) makes them ineffective.`,
  },
  { id: "4.9", title: "COPY instead of ADD", why: BUILD },
  { id: "4.10", title: "No secrets in Dockerfiles", why: BUILD },
  { id: "4.11", title: "Only verified packages", why: BUILD },
  { id: "4.12", title: "Signed artifacts are validated", why: BUILD },
  {
    id: "5.1",
    title: "Swarm mode is off, if not needed",
    why: "About the engine: the stack doesn't need it.",
  },
  {
    id: "5.7",
    title: "No sshd runs in containers",
    why: "About processes. Each container runs one program; whether it offers a shell is up to the image.",
  },
  {
    id: "5.19",
    title: "The default ulimits are overridden only if needed",
    why: "About the engine's defaults: the stack overrides none.",
  },
  { id: "5.23", title: "`docker exec` is not privileged", why: EXEC },
  { id: "5.24", title: "`docker exec` is not run as root", why: EXEC },
  {
    id: "5.28",
    title: "The latest version of an image is used",
    why: "About the registry. A new digest in the stack's config is a reviewed change.",
  },
];
