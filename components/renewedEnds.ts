import * as pulumi from "@pulumi/pulumi";
import { knownRenewal, type KnownEnd } from "../render/certificateEnds.ts";
import type { AcmeCertificates } from "./acmeCertificates.ts";
import type { End } from "./certificateEnds.ts";
import { connectionOf, type Deployment } from "./deployment.ts";
import { lookNow } from "./program.ts";

export interface RenewedEndsArgs {
  readonly deployment: Deployment;
  /** What renews them. */
  readonly renewal: AcmeCertificates;
  /** Known once the certificates are there: it is looked after that. */
  readonly after: pulumi.Input<string>;
}

/**
 * When the certificates expire that a container renews: only the container knows. Who calls a server sees as much, so
 * it is no secret, though the check that it comes after has seen some.
 */
export function renewedEnds(
  ends: readonly End[],
  { deployment, renewal, after }: RenewedEndsArgs,
): pulumi.Output<KnownEnd[]> {
  const renewed = ends.filter(({ source }) => source === "acme");
  const said = lookNow(
    "renewal-ends",
    {
      dockerHost: connectionOf(deployment),
      container: renewal.containerName,
      servers: renewed.map(({ name }) => name),
      after,
    },
    { parent: renewal },
  );
  return pulumi.unsecret(said).apply(knownRenewal);
}
