/** Paths of a door that lead to other services than the rest of it. */
import { checkUpstream, type NginxUpstream } from "./nginxUpstream.ts";

/** The part of a door below one path, and the service that it leads to. */
export interface NginxPath extends NginxUpstream {
  /** It begins and ends with `/`, such as `/app/`. Of two that fit, the longer one decides. */
  readonly path: string;
  /** Whether the service gets the rest of the path alone. @default false */
  readonly stripPrefix?: boolean;
}

/**
 * Makes sure that no value breaks out of its place in the text, and that each path leads to one service.
 *
 * @throws RangeError for a path that isn't one, and for one that is there twice
 */
export function checkPaths(name: string, paths: readonly Pick<NginxPath, "path">[]): void {
  const seen = new Set<string>();
  for (const { path } of paths) {
    if (!/^(\/(?!\.{1,2}\/)[A-Za-z0-9._~-]+)+\/$/.test(path) || path.length > 200) {
      throw new RangeError(
        `a path of ${name} is ${JSON.stringify(path)}, but must begin and end with / and have names of letters, digits, dot, _, ~ and - in between, such as /app/`,
      );
    }
    if (seen.has(path)) {
      throw new RangeError(
        `the path ${path} of ${name} leads to two services: leave one of them out`,
      );
    }
    seen.add(path);
  }
}

/** The same for what they lead to. */
export function checkPathUpstreams(name: string, paths: readonly NginxPath[]): void {
  checkPaths(name, paths);
  for (const path of paths) {
    checkUpstream(`${name}${path.path}`, path);
  }
}

/** What is left of the path as the caller sent it; empty where that is written in another way. */
export const strippedVariable = (id: string, index: number) => `$stripped_${id}_${index}`;

/** At the level of http, for a door with such a path. */
export const pathMaps = (id: string, paths: readonly NginxPath[]): string =>
  paths
    .map(({ path, stripPrefix }, index) =>
      stripPrefix
        ? `
# The rest of the path as it came, with whatever is encoded in it.
map $request_uri ${strippedVariable(id, index + 1)} {
    default "";
    "~^${prefixOf(path).replaceAll(".", "\\.")}(?<rest_${id}_${index + 1}>/.*)$" $rest_${id}_${index + 1};
}
`
        : "",
    )
    .join("");

/** `/app/` without its last slash. */
export const prefixOf = (path: string) => path.slice(0, -1);

/** Where the caller came in, with scheme and port. */
const HERE = "https://$host$caller_port";

/** In the server of a door for pages: a service that doesn't know of TLS, or of its door, leads back to it. */
export const WEB_REDIRECTS = `\
# A redirect to where the caller came in, but without TLS, or to the service's own address.
proxy_redirect http://$host$caller_port/ ${HERE}/;
proxy_redirect http://$upstream/ ${HERE}/;
`;

/**
 * In the location of a service that doesn't know its prefix, but may have read X-Forwarded-Prefix: what it
 * redirects to, and the paths of its cookies, get the prefix unless they have it.
 */
export function strippedRedirects(path: string): string {
  const prefix = prefixOf(path);
  const pattern = prefix.replaceAll(".", "\\.");
  const absolute = ["http://$upstream", "http://$host$caller_port", HERE].flatMap((base) => [
    `proxy_redirect ${base}${path} ${HERE}${path};`,
    `proxy_redirect ${base}/ ${HERE}${path};`,
  ]);
  return `\
proxy_redirect // https://;
${absolute.join("\n")}
proxy_redirect "~^(?<kept_redirect>${pattern}([/?#].*)?)$" ${HERE}$kept_redirect;
proxy_redirect / ${HERE}${path};
proxy_cookie_path "~^(?<kept_cookie_path>${pattern}(/.*)?)$" $kept_cookie_path;
proxy_cookie_path / ${path};
`;
}
