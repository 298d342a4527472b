/** The kinds of keys that the stack's configuration has, each with what the reference says of it. */
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

/** A map of known keys. An absent one counts as empty, so that each of its required keys is reported. */
export const section = <S extends z.ZodRawShape>(meaning: string, shape: S) =>
  z
    .strictObject(shape)
    .register(keyDocs, { type: "map", meaning })
    .prefault({} as never);

/** A map of keys that each have a default of their own, which follows from others or is the service's. */
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

/** Optional to those who make settings of their own; a stack's have an empty map where none is given. */
export const limits = <N extends string>(whose: string, keys: Readonly<Record<N, ResourceKey>>) =>
  overrides(`What ${whose} may take of the engine's machine.`, keys).exactOptional();

export const image = (what: string, example: string) =>
  key(parsed(parseImage), {
    type: "image reference",
    meaning: `The image of ${what}.`,
    allowed: "`name:tag`, `name@sha256:...` or both; not `latest`",
    example,
  });

export const endpoint = (meaning: string, example: string) =>
  key(parsed(parseLoopbackEndpoint), {
    type: "IP address and port",
    meaning,
    allowed: "an address of 127.0.0.0/8, or ::1 in brackets, and a port",
    example,
  });

export const listenAddress = (what: string, example?: string) =>
  key(parsed(parseListenAddress), {
    type: "IP address",
    meaning: `The address of the Docker host at which ${what} listens.`,
    allowed: "an IPv4 or IPv6 address; 0.0.0.0 for every IPv4 one, :: for every IPv6 one",
    example,
  });

export const port = (meaning: string, more: Pick<KeyDoc, "example" | "fallback">) =>
  key(portType(), { type: "port", meaning, allowed: "1 to 65535", ...more });

export const hostName = (meaning: string, more: Pick<KeyDoc, "example" | "fallback">) =>
  key(parsed(parseHostName), {
    type: "host name",
    meaning,
    allowed: "a host name (RFC 1123), no IP address",
    ...more,
  });

export const callerName = (meaning: string, more: Pick<KeyDoc, "example" | "secret">) =>
  key(parsed(parseUserName), {
    type: "name",
    meaning,
    allowed: "1 to 64 letters, digits and . _ @ -, a letter or digit first",
    ...more,
  });

/** Further names beside the one in the URLs. */
export const serverNames = (what: string) =>
  z
    .array(
      key(parsed(parseServerName), {
        type: "host name or IP address",
        meaning: "One of them.",
        allowed: "a host name, `*.` and a host name, an IPv4 or IPv6 address",
        example: "kms.example.edu",
      }),
    )
    .register(keyDocs, {
      type: "list of texts",
      meaning: `Further names that ${what} answers to, all in its certificate: host names, \`*.\` and a host name, IP addresses. With an IP address among them, callers that say no name in their handshake are served.`,
      fallback: "none",
      example: "[kms.example.edu, 192.0.2.10]",
    })
    .prefault([]);

/** Yes or no; no where it is absent. */
export const flag = (meaning: string) =>
  key(boolean(), { type: "boolean", meaning, allowed: "true or false" }).default(false);

export const word = <const W extends readonly [string, ...string[]]>(meaning: string, words: W) =>
  key(oneOf(words), {
    type: "word",
    meaning,
    allowed: `${words.length === 1 ? "only" : "one of"} ${words.map((word) => `\`${word}\``).join(", ")}`,
  });
