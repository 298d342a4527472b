/** The X.509 library, loaded after what it needs first. */
import "reflect-metadata";
export * from "@peculiar/x509";
