import * as pulumi from "@pulumi/pulumi";
import { backdated } from "../render/backdate.ts";

/**
 * A certificate of the TLS provider, valid from an hour earlier, because a caller's clock may be slow. It is no
 * secret, although the key that signed it is.
 */
export function dated(
  certificate: pulumi.Output<string>,
  signer: pulumi.Output<string>,
): pulumi.Output<string> {
  return pulumi.unsecret(
    pulumi.all([certificate, signer]).apply(([pem, key]) => backdated(pem, key)),
  );
}
