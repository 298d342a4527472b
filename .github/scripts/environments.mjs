// Prints the environments as the line `names=["prod",...]`: each Pulumi.NAME.yaml in the repository, except
// the embedded default and the examples.
import { readdirSync } from "node:fs";

const names = readdirSync(process.argv[2] ?? ".")
  .map((file) => /^Pulumi\.([A-Za-z0-9_.-]+)\.yaml$/.exec(file)?.[1])
  .filter((name) => name !== undefined && name !== "dev" && !name.endsWith(".example"))
  .sort();
console.log(`names=${JSON.stringify(names)}`);
