import type * as pulumi from "@pulumi/pulumi";

/** The database of one service: the stack's own, or one outside of it. */
export interface ServiceDatabase {
  /** The network that the service joins to reach it. */
  readonly network: pulumi.Output<string>;
  /** The connection string, once the service can use it. Secret. */
  readonly uri: pulumi.Output<string>;
  /** Further files of the service: path in its container -> content. */
  readonly files: Readonly<Record<string, string>>;
  /** What the check after an `up` needs to ask it. */
  readonly check: pulumi.Input<Record<string, unknown>>;
  /** Differs where the data may be other data: the container's id, or where the database is. */
  readonly identity: pulumi.Input<string>;
  /** Removes the users of earlier generations, after their service has changed over to this one. */
  retireOthers(name: string, service: pulumi.Resource): void;
}
