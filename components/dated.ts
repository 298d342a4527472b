import * as pulumi from "@pulumi/pulumi";
import { backdated } from "../render/backdate.ts";

/**
 * What the TLS provider signed just now, good from an hour before: a caller's clock may be slow. It is
 * no secret, whatever it was signed with.
 */
export function dated(
  certificate: pulumi.Output<string>,
  signer: pulumi.Output<string>,
): pulumi.Output<string> {
  return pulumi.unsecret(
    pulumi.all([certificate, signer]).apply(([pem, key]) => backdated(pem, key)),
  );
}
