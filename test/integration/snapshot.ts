/** All that a command which only looks could have changed. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { docker, type Project } from "./project.ts";

/** What the engine has of the stack, by name or label, and the stack's state with its locks, to the byte. */
export function snapshot(project: Project): Record<string, unknown> {
  const { stack } = project;
  const label = `label=cybexp.stack=${stack}`;
  const list = (kind: string, filter: string, ...more: string[]) =>
    docker(kind, "ls", ...more, "--filter", filter, "--format", "{{json .}}")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { ID?: string; Name?: string });
  const inspect = (kind: string, format: string, names: readonly string[]) =>
    names.length === 0
      ? []
      : docker(kind, "inspect", "--format", format, ...names)
          .split("\n")
          .sort();
  const containers = list("container", `name=cybexp-${stack}-`, "--all");
  return {
    containers: inspect(
      "container",
      "{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}} {{.RestartCount}}",
      containers.map(({ ID = "" }) => ID),
    ),
    networks: list("network", label)
      .map(({ ID }) => ID)
      .sort(),
    volumes: inspect(
      "volume",
      "{{.Name}} {{.CreatedAt}}",
      list("volume", `name=cybexp-${stack}-`).map(({ Name = "" }) => Name),
    ),
    images: docker(
      "image",
      "ls",
      "--no-trunc",
      "cybexp-demo/*",
      "--format",
      "{{.Repository}} {{.ID}}",
    )
      // Those of one time come in any order.
      .split("\n")
      .sort(),
    state: filesIn(join(project.dir, ".cybexp", "state")),
    runs: filesIn(join(project.dir, ".cybexp", "runs")),
  };
}

function filesIn(folder: string): Record<string, string> {
  if (!existsSync(folder)) {
    return {};
  }
  const paths = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return Object.fromEntries(
    paths
      .filter((path) => statSync(join(folder, path)).isFile())
      .map((path) => [path, readFileSync(join(folder, path), "utf8")]),
  );
}
