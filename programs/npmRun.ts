/** A command of this project, ready to paste: with its stack, unless that is `dev`. */
export function npmRun(command: string, stack: string): string {
  return `${stack === "dev" ? "" : `STACK=${stack} `}npm run ${command}`;
}

/** The same for the stack that this process works on, which STACK names. */
export function here(command: string): string {
  return npmRun(command, process.env["STACK"] || "dev");
}
