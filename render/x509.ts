/** The X.509 library, after what it needs to be there first. */
import "reflect-metadata";
export * from "@peculiar/x509";
