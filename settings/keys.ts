/** The kinds of keys that the stack's configuration has, each with what the reference says about it. */
import { z } from "zod";
import { parseListenAddress, parseLoopbackEndpoint } from "./addresses.ts";
import { parseImage } from "./images.ts";
import { type KeyDoc, keyDocs } from "./keyDoc.ts";
import { boolean, oneOf, parsed, port as portType } from "./leaves.ts";
import { parseHostName, parseServerName, parseUserName } from "./names.ts";
import type { ResourceKey } from "./resources.ts";

/** One value. */
export const key = <T extends z.ZodType>(leaf: T, doc: KeyDoc): T => {
  keyDocs.add(leaf, doc);
  return leaf;
};

/** A map of known keys. A missing map counts as empty, so that each of its required keys is reported. */
export const section = <S extends z.ZodRawShape>(meaning: string, shape: S) =>
  z
    .strictObject(shape)
    .register(keyDocs, { type: "map", meaning })
    .prefault({} as never);

/** A map of optional keys. The default of each follows from other keys, or is the service's own. */
export const overrides = <T, N extends string>(
  meaning: string,
  keys: Readonly<Record<N, KeyDoc & { readonly leaf: z.ZodType<T> }>>,
) =>
  section(
    meaning,
    Object.fromEntries(
      Object.entries<KeyDoc & { readonly leaf: z.ZodType<T> }>(keys).map(
        ([name, { leaf, ...doc }]) => [name, key(leaf, doc).exactOptional()],
      ),
    ) as Record<N, z.ZodExactOptional<z.ZodType<T>>>,
  );

/** Optional in settings that a program builds itself. A stack's settings have an empty map instead. */
export const limits = <N extends string>(whose: string, keys: Readonly<Record<N, ResourceKey>>) =>
  overrides(`How much of the engine's machine ${whose} may use.`, keys).exactOptional();

export const image = (what: string, example: string) =>
  key(parsed(parseImage), {
    type: "image reference",
    meaning: `The image for ${what}.`,
    allowed: "`name:tag`, `name@sha256:...` or both, but not `latest`",
    example,
  });

export const endpoint = (meaning: string, example: string) =>
  key(parsed(parseLoopbackEndpoint), {
    type: "IP address and port",
    meaning,
    allowed: "an address in 127.0.0.0/8, or ::1 in brackets, and a port",
    example,
  });

export const listenAddress = (what: string, example?: string) =>
  key(parsed(parseListenAddress), {
    type: "IP address",
    meaning: `The address of the Docker host that ${what} listens on.`,
    allowed: "an IPv4 or IPv6 address; 0.0.0.0 for every IPv4 address, :: for every IPv6 address",
    example,
  });

export const port = (meaning: string, more: Pick<KeyDoc, "example" | "fallback">) =>
  key(portType(), { type: "port", meaning, allowed: "1 to 65535", ...more });

export const hostName = (meaning: string, more: Pick<KeyDoc, "example" | "fallback">) =>
  key(parsed(parseHostName), {
    type: "host name",
    meaning,
    allowed: "a host name (RFC 1123), not an IP address",
    ...more,
  });

export const callerName = (meaning: string, more: Pick<KeyDoc, "example" | "secret">) =>
  key(parsed(parseUserName), {
    type: "name",
    meaning,
    allowed: "1 to 64 letters, digits and . _ @ -, starting with a letter or digit",
    ...more,
  });

/** More names, besides the one in the URLs. */
export const serverNames = (what: string) =>
  z
    .array(
      key(parsed(parseServerName), {
        type: "host name or IP address",
        meaning: "One of the names.",
        allowed: "a host name, `*.` and a host name, or an IP address",
        example: "kms.example.edu",
      }),
    )
    .register(keyDocs, {
      type: "list of strings",
      meaning: `More names that ${what} answers to. All of them are in its certificate. If one is an IP address, callers that send no name in the TLS handshake are served too.`,
      fallback: "none",
      example: "[kms.example.edu, 192.0.2.10]",
    })
    .prefault([]);

/** True or false; false by default. */
export const flag = (meaning: string) =>
  key(boolean(), { type: "boolean", meaning, allowed: "true or false" }).default(false);

export const word = <const W extends readonly [string, ...string[]]>(meaning: string, words: W) =>
  key(oneOf(words), {
    type: "word",
    meaning,
    allowed: `${words.length === 1 ? "only" : "one of"} ${words.map((word) => `\`${word}\``).join(", ")}`,
  });
