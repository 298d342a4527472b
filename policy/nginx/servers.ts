/** The servers of an nginx.conf: where they listen, and what holds in each of their locations. */
import { isLoopback } from "../rules/loopbackPorts.ts";
import type { Directive } from "./parse.ts";

export interface Listener {
  readonly text: string;
  /** Nobody outside the container or host gets there. */
  readonly isLocal: boolean;
  readonly isTls: boolean;
}

export interface Location {
  /** As written, such as `= /healthz` or `@service`. */
  readonly title: string;
  readonly modifier: "" | "=" | "~" | "~*" | "^~" | "@";
  readonly path: string;
  /** Its own directives, and those of the blocks around it: innermost first. */
  readonly scopes: readonly (readonly Directive[])[];
  /** Its own directives, with those of its `if` blocks. */
  readonly inside: readonly Directive[];
  readonly own: readonly Directive[];
}

export interface Server {
  readonly kind: "http" | "stream";
  readonly title: string;
  readonly listeners: readonly Listener[];
  readonly scopes: readonly (readonly Directive[])[];
  readonly locations: readonly Location[];
}

export function serversOf(config: readonly Directive[]): readonly Server[] {
  return (["http", "stream"] as const).flatMap((kind) =>
    blocks(config, kind).flatMap((outer) =>
      blocks(outer, "server").map((own) => server(kind, outer, own)),
    ),
  );
}

/** The directives of that name that hold: those of the innermost block that has any. */
export function effective(
  scopes: readonly (readonly Directive[])[],
  name: string,
): readonly Directive[] {
  const scope = scopes.find((directives) => directives.some((one) => one.name === name)) ?? [];
  return scope.filter((one) => one.name === name);
}

/** The first argument of the directive that holds. */
export const setting = (scopes: Server["scopes"], name: string): string | undefined =>
  effective(scopes, name)[0]?.args[0];

/** Whether it answers every request by itself, such as by a redirect. */
export const onlyReturns = ({ scopes: [own = []] }: Pick<Server, "scopes">): boolean =>
  own.some(({ name }) => name === "return");

function server(
  kind: Server["kind"],
  outer: readonly Directive[],
  own: readonly Directive[],
): Server {
  const scopes = [own, outer];
  const names = setting([own], "server_name");
  const declared = own.filter(({ name }) => name === "listen").map(listener);
  return {
    kind,
    title: names === undefined || names === "" ? "a server" : `the server ${names}`,
    listeners: declared.length > 0 ? declared : [listener({ name: "listen", args: ["80"] })],
    scopes,
    locations: locationsIn(own, scopes),
  };
}

function listener({ args: [place = "", ...flags] }: Directive): Listener {
  const [, address] = /^(?:(\[[^\]]*\]|[^:]*[^:\d][^:]*):?)?\d*$/.exec(place) ?? [];
  return {
    text: place,
    isLocal: place.startsWith("unix:") || isLoopback((address ?? "").replace(/^\[|\]$/g, "")),
    isTls: flags.includes("ssl") || flags.includes("quic"),
  };
}

function locationsIn(
  directives: readonly Directive[],
  scopes: Server["scopes"],
): readonly Location[] {
  return directives.flatMap((directive) => {
    if (directive.name !== "location" || !directive.block) {
      return [];
    }
    const own = directive.block;
    const [first = "", second] = directive.args;
    const inner = [own, ...scopes];
    return [
      {
        title: directive.args.join(" "),
        modifier:
          second !== undefined ? (first as Location["modifier"]) : first.startsWith("@") ? "@" : "",
        path: second ?? first,
        scopes: inner,
        own,
        inside: [...own, ...blocks(own, "if").flat()],
      },
      ...locationsIn(own, inner),
    ];
  });
}

const blocks = (directives: readonly Directive[], wanted: string) =>
  directives.flatMap(({ name, block }) => (name === wanted && block ? [block] : []));
