/** Finds the nginx.conf that a resource brings to a container. */
import { COMMAND, CONTAINER } from "../../names/types.ts";
import type { Resource, SettingsSchema } from "../pack/rule.ts";
import { objectsOf, textOf } from "../pack/unknown.ts";
import { type Directive, NginxSyntaxError, parseNginx } from "./parse.ts";
import { type Server, serversOf } from "./servers.ts";

export const NGINX_CARRIERS = [CONTAINER, COMMAND];

export const nginxSettings = {
  file: {
    description: "The end of the name of an Nginx configuration file.",
    type: "string",
    minLength: 1,
    default: "nginx.conf",
  },
} as const satisfies SettingsSchema;

type Files = Readonly<Record<string, string>>;

/** The servers of every nginx.conf that is brought, or the sentence that says why one can't be read. */
export function deliveredServers(
  resource: Resource,
  end: string,
): readonly (readonly Server[] | string)[] {
  const files = filesOf(resource, end);
  return Object.keys(files)
    .filter((name) => name.endsWith(end))
    .map((name) => read(name, files));
}

/** The uploads of a container, or a command's input where that is JSON with `files`. */
function filesOf({ type, props }: Resource, end: string): Files {
  if (type === CONTAINER) {
    return Object.fromEntries(
      objectsOf(props["uploads"]).map(({ file, content }) => [textOf(file), textOf(content)]),
    );
  }
  const input = textOf(props["stdin"]);
  if (!input.includes(end)) {
    return {};
  }
  try {
    const { files } = JSON.parse(input) as { files?: unknown };
    const [named = {}] = objectsOf([files]);
    return Object.fromEntries(
      Object.entries(named).map(([name, file]) => {
        const [{ content } = { content: file }] = objectsOf([file]);
        return [name, textOf(content)];
      }),
    );
  } catch {
    return {};
  }
}

/** Two rules look at the same files one after the other. */
let last: { readonly key: string; readonly servers: readonly Server[] } | undefined;

function read(name: string, files: Files): readonly Server[] | string {
  const key = JSON.stringify([name, files]);
  if (last?.key !== key) {
    try {
      last = { key, servers: serversOf(included(parseNginx(files[name] ?? ""), files)) };
    } catch (error) {
      if (error instanceof NginxSyntaxError) {
        return `its ${name} can't be read: ${error.message}`;
      }
      throw error;
    }
  }
  return last.servers;
}

/** What is included stands in place of the directive, if it is brought along. */
function included(directives: readonly Directive[], files: Files): readonly Directive[] {
  return directives.flatMap((directive): readonly Directive[] => {
    const { name, args, block } = directive;
    if (name !== "include") {
      return [block ? { ...directive, block: included(block, files) } : directive];
    }
    const wanted = (args[0] ?? "").split("/").at(-1) ?? "";
    const found = Object.keys(files).find((file) => file.split("/").at(-1) === wanted);
    return found === undefined ? [directive] : parseNginx(files[found] ?? "");
  });
}
