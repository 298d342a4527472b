import * as pulumi from "@pulumi/pulumi";
import { isWildcard } from "../render/serverNames.ts";

/** By which names a server is called. */
export interface ServerNames {
  readonly serverName: pulumi.Input<string>;
  readonly serverNames?: pulumi.Input<readonly pulumi.Input<string>[]> | undefined;
}

/** All of them, the first of which is in the URLs: plain where they are. */
export const namesOf = ({
  serverName,
  serverNames = [],
}: ServerNames): pulumi.Input<readonly pulumi.Input<string>[]> =>
  Array.isArray(serverNames)
    ? [serverName, ...(serverNames as readonly pulumi.Input<string>[])]
    : pulumi.all([serverName, serverNames]).apply(([first, others]) => [first, ...others]);

/** Those by which somebody can call: nobody calls a wildcard. */
export const callable = (names: readonly string[]): string[] =>
  names.filter((name) => !isWildcard(name));
