import { type Contents, describe, type Manifest } from "../../stack/backup/manifest.ts";

/** What a restore says when it is done. */
export function proof(
  stack: string,
  deployment: string,
  manifest: Manifest,
  restored: Contents,
): string {
  const other = manifest.deployment !== deployment;
  return [
    "",
    `${stack} has what ${manifest.stack} had on ${manifest.created}. Read back and compared:`,
    "",
    ...describe(restored).map((line) => `  ${line}`),
    "",
    ...(other
      ? [
          "The stack keeps its own passwords, certificates and the key that signs tokens: tokens of the other deployment are refused.",
          "",
        ]
      : []),
  ].join("\n");
}
