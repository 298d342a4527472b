/** A command of this project as it works when it is pasted: with its stack, where that is not `dev`. */
export function npmRun(command: string, stack: string): string {
  return `${stack === "dev" ? "" : `STACK=${stack} `}npm run ${command}`;
}

/** The same for the stack that this process works on: the one that STACK names. */
export function here(command: string): string {
  return npmRun(command, process.env["STACK"] || "dev");
}
