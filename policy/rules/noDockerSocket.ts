import { posix } from "node:path";
import { CONTAINER, type ResourceRule } from "../pack/rule.ts";
import { objectsOf, textOf } from "../pack/unknown.ts";

/** Where engines listen. /var/run is another name of /run. */
const SOCKETS = [
  "/run/docker.sock",
  "/run/podman/podman.sock",
  "/run/containerd/containerd.sock",
  "/run/crio/crio.sock",
];

/** No container gets at the engine: neither its socket nor a folder that has it. */
export const noDockerSocket: ResourceRule = {
  name: "no-docker-socket",
  description: "No container mounts the engine's socket, or a folder of the host that has it.",
  reason: "Whoever talks to the engine is root on its host, read-only or not (CIS Docker 5.32).",
  types: [CONTAINER],
  check({ props }) {
    const sources = [
      ...objectsOf(props["volumes"]).map(({ hostPath }) => textOf(hostPath)),
      ...objectsOf(props["mounts"])
        .filter(({ type }) => textOf(type) === "bind")
        .map(({ source }) => textOf(source)),
    ];
    return sources
      .filter(leadsToSocket)
      .map((path) => `it mounts ${path}, where the engine's socket is: remove the mount`);
  },
};

function leadsToSocket(path: string): boolean {
  if (!path.startsWith("/")) {
    return false;
  }
  const place = posix.normalize(path).replace(/(?<=.)\/$/, "");
  const real = place.replace(/^\/var\/run(?=\/|$)/, "/run");
  return (
    place === "/var" ||
    /\/docker\.sock$/.test(real) ||
    SOCKETS.some((socket) => socket === real || socket.startsWith(real === "/" ? "/" : `${real}/`))
  );
}
